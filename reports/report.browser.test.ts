// The page in a real browser: nothing but the file is loaded, nothing is refused by its own policy, and it can be read on a desk and on a phone, in light and dark.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { checksFixture, hostileChecks } from './checks.fixture.js';
import { renderReportHtml } from './index.js';
import { hostileMemslots, memslotsFixture, questionsFixture } from './memslots.fixture.js';
import { hostileFixture, otherFixture, publishedFixture } from './records.fixture.js';
import { hostileUserfault, userfaultFixture, userfaultQuestionsFixture } from './userfault.fixture.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const IS_REQUIRED = process.env.MMULAB_REQUIRE_BROWSER === '1';
const SKIP = existsSync(CHROMIUM) || IS_REQUIRED ? false : `no browser at ${CHROMIUM}: set CHROMIUM to one, or MMULAB_REQUIRE_BROWSER=1 to fail instead`;
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-dev-shm-usage',
];

/** Text that is hard to read, as a list of what and why. Runs in the page; SVG text takes its colour from `fill`. */
const LOW_CONTRAST = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const backgroundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    if (!own || element.matches('title, desc, .skip') || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [luminance(parse(color)), luminance(backgroundOf(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) bad.push(element.tagName + ' "' + element.textContent.trim().slice(0, 40) + '" ' + contrast.toFixed(2));
  }
  return bad;
})()`;

/** Charts that have no size, or that stick out of the window. */
const BAD_CHARTS = `[...document.querySelectorAll('svg[role=img]')].filter((svg) => {
  const box = svg.getBoundingClientRect();
  return box.width < 250 || box.height < 100 || box.left < 0 || box.right > innerWidth;
}).map((svg) => svg.querySelector('title').textContent)`;

/** Chart text that is cut off by its own SVG. The estimate of text width must not be short by more than the margin. */
const CLIPPED_TEXT = `[...document.querySelectorAll('svg[role=img] text')].filter((text) => {
  const box = text.getBoundingClientRect();
  const svg = text.ownerSVGElement.getBoundingClientRect();
  return box.width > 0 && (box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1 || box.bottom > svg.bottom + 1);
}).map((text) => text.textContent)`;

/** Text smaller than one can read on a phone. */
const TINY_TEXT = `[...document.querySelectorAll('svg[role=img] text')].filter((text) => {
  const box = text.getBoundingClientRect();
  return box.width > 0 && box.height < 9;
}).map((text) => text.textContent)`;

/** Six, six and five published tables, three strips of ratios, the stalls, two charts of growth with memslots, two with vCPUs, and two of post-copy. */
const CHARTS = 27;

describe('report.html in a browser', { skip: SKIP }, () => {
  let folder = '';
  let browser: Browser;
  const urls = { plain: '', hostile: '', checks: '' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mmulab-report-'));
    const pages = {
      plain: [
        ...[...publishedFixture(), ...otherFixture(), ...memslotsFixture()],
        ...[...questionsFixture(), ...userfaultFixture(), ...userfaultQuestionsFixture(), ...checksFixture()],
      ],
      checks: checksFixture(),
      hostile: [...hostileFixture(), ...hostileMemslots(), ...hostileUserfault(), ...hostileChecks()],
    };
    for (const [name, records] of Object.entries(pages)) {
      const path = join(folder, `${name}.html`);
      await writeFile(path, await renderReportHtml(records));
      urls[name as keyof typeof urls] = pathToFileURL(path).href;
    }
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  after(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(url: string, view: { width: number; height: number; colorScheme: 'light' | 'dark' }): Promise<{ page: Page; troubles: string[] }> {
    const page = await browser.newPage({ viewport: { width: view.width, height: view.height }, colorScheme: view.colorScheme });
    const troubles: string[] = [];
    page.on('console', (message) => troubles.push(`console ${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) troubles.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return { page, troubles };
  }

  for (const [name, width, height] of [
    ['desktop', 1280, 900],
    ['phone', 390, 844],
    ['small phone', 360, 740],
  ] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`${name}, ${colorScheme}: quiet, within the window, readable`, async () => {
        const { page, troubles } = await open(urls.plain, { width, height, colorScheme });
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
        assert.equal(await page.locator('svg[role=img]').count(), CHARTS);
        assert.deepEqual(await page.evaluate(BAD_CHARTS), []);
        assert.deepEqual(await page.evaluate(CLIPPED_TEXT), []);
        assert.deepEqual(await page.evaluate(TINY_TEXT), []);
        assert.deepEqual(await page.evaluate(LOW_CONTRAST), []);
        assert.deepEqual(troubles, []);
        await page.close();
      });
    }
  }

  test('hostile strings stay text: no script, no image, no dialog, no sideways scrolling', async () => {
    const { page, troubles } = await open(urls.hostile, { width: 390, height: 844, colorScheme: 'light' });
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    assert.equal(await page.locator('script, img, iframe, object, embed').count(), 0);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390);
    assert.deepEqual(troubles, []);
    await page.close();
  });

  test('checks alone: quiet, within the window, readable', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, troubles } = await open(urls.checks, { width: 360, height: 740, colorScheme });
      await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
      assert.deepEqual(await page.evaluate(LOW_CONTRAST), []);
      assert.deepEqual(troubles, []);
      await page.close();
    }
  });

  test('the first Tab reaches the skip link, and wide tables take the focus', async () => {
    const { page } = await open(urls.plain, { width: 390, height: 844, colorScheme: 'light' });
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the results');
    assert.ok(((await page.evaluate('document.activeElement.getBoundingClientRect().left')) as number) >= 0);
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('location.hash'), '#main');
    assert.equal(
      await page.evaluate("[...document.querySelectorAll('.scroll')].every((one) => one.tabIndex === 0 && one.getAttribute('aria-label') !== null)"),
      true,
    );
    await page.close();
  });
});
