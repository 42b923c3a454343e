// What every part of the terminal report needs: the width, and colours that can be off.

import type { TextCell } from './align.js';

type Paint = (text: string) => string;
type Palette = Record<'bold' | 'dim' | 'warm' | 'hot', Paint>;

/** Columns available, and how to colour. */
export interface Page {
  width: number;
  palette: Palette;
}

/** Colours as terminal escapes, or none. */
export function paletteOf(color: boolean): Palette {
  const code = (open: number, close: number): Paint => (color ? (text) => (text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`) : (text) => text);
  return { bold: code(1, 22), dim: code(2, 22), warm: code(33, 39), hot: code(31, 39) };
}

/** A cell of a text table. */
export function plain(text: string, paint?: Paint): TextCell {
  return { text, paint };
}
