// The page's style sheet. Colours are variables, so that charts follow light and dark; nothing is loaded from anywhere.

/** CSS of report.html. The six colours of arms follow Okabe and Ito's, lightened for dark mode. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #fbfaf7; --panel: #ffffff; --ink: #1d2125; --muted: #565d66; --rule: #b9b5ac; --hair: #e4e0d8; --grid: #ebe8e1; --band: #efece4;
  --c1: #c85200; --c2: #0068a5; --c3: #00795a; --c4: #a8487f; --c5: #7a6200; --c6: #5b6470;
  --misfit-1: #fdf3d8; --misfit-2: #f9dfa3; --misfit-3: #f3b489; --link: #0b5c8f; --focus: #0b5c8f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --panel: #1b1f23; --ink: #e8e5df; --muted: #a7adb4; --rule: #5c636b; --hair: #2d3238; --grid: #2a2f34; --band: #23282d;
    --c1: #f28a45; --c2: #5cb6ea; --c3: #35c295; --c4: #dd92bb; --c5: #d9bf4f; --c6: #a9b3bd;
    --misfit-1: #37301b; --misfit-2: #54431a; --misfit-3: #74391c; --link: #7cc4f0; --focus: #7cc4f0;
  }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --panel: #fff; --ink: #000; --muted: #444; --rule: #999; --hair: #ccc; --grid: #e5e5e5; --band: #eee;
    --c1: #c85200; --c2: #0068a5; --c3: #00795a; --c4: #a8487f; --c5: #7a6200; --c6: #5b6470;
    --misfit-1: #fdf3d8; --misfit-2: #f9dfa3; --misfit-3: #f3b489; --link: #000;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--page); color: var(--ink); font: 400 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; overflow-wrap: anywhere; }
main, header, footer { max-width: 80rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
footer { padding-top: 2rem; padding-bottom: 3rem; color: var(--muted); font-size: .875rem; }
h1 { font-size: clamp(1.6rem, 1.1rem + 2vw, 2.3rem); line-height: 1.15; letter-spacing: -.015em; font-weight: 650; margin: 0 0 .6rem; max-width: 32ch; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; font-weight: 650; margin: 0; }
h3 { font-size: 1rem; font-weight: 650; margin: 1.75rem 0 .25rem; }
h4 { font-size: .9375rem; font-weight: 650; margin: 0 0 .25rem; }
section.post > section > h3 { font-size: 1.0625rem; margin: 0; } h3.tables { margin-bottom: -1rem; }
section.post > h2 { font-size: 1.5rem; letter-spacing: -.01em; }
article { margin-top: 1.75rem; }
p { margin: .4rem 0; max-width: 76ch; }
a { color: var(--link); text-underline-offset: .15em; }
code, kbd, pre { font-family: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: .86em; }
pre { background: var(--panel); border: 1px solid var(--hair); border-radius: 6px; padding: .75rem 1rem; overflow-x: auto; margin: .6rem 0; overflow-wrap: normal; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999rem; top: 0; background: var(--panel); color: var(--ink); padding: .5rem 1rem; z-index: 1; }
.skip:focus { left: 0; }
.eyebrow { color: var(--muted); font-size: .8125rem; font-weight: 600; letter-spacing: .08em; text-transform: uppercase; margin: 0 0 .5rem; }
.lead { font-size: 1.0625rem; max-width: 70ch; margin-bottom: 1rem; }
.muted { color: var(--muted); }
.fine { color: var(--muted); font-size: .875rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem 1.5rem; margin: 1.25rem 0 0; padding: .9rem 0; border-block: 1px solid var(--hair); font-size: .875rem; line-height: 1.4; }
.facts dt { color: var(--muted); font-size: .75rem; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
nav .post { font-weight: 600; }
nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0; margin: .9rem 0 0; font-size: .875rem; }
section { padding: 2rem 0 0; margin-top: 2rem; border-top: 1px solid var(--hair); }
.summary { border-top: 0; margin-top: 0; padding-top: 1.5rem; display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.05fr); gap: 1.5rem 3rem; align-items: start; }
table.headline { width: auto; margin: 0 0 1.5rem; }
table.headline th, table.headline td { border: 0; padding: .1rem 1.75rem .1rem 0; text-align: left; }
table.headline th.arm { white-space: normal; }
table.headline td { font-size: clamp(1.4rem, 1rem + 2vw, 2rem); line-height: 1.2; letter-spacing: -.02em; font-weight: 300; white-space: nowrap; }
.score { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem 1.25rem; margin: 0 0 .75rem; }
.score div { border-top: 2px solid var(--ink); padding-top: .4rem; }
.score dt { font-size: .8125rem; color: var(--muted); line-height: 1.3; }
.score dd { margin: 0; }
.score .value { font-size: 1.5rem; line-height: 1.3; font-weight: 400; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.score .note { font-size: .8125rem; color: var(--muted); }
.over .value::after { content: ' !'; color: var(--c1); font-weight: 700; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; max-width: calc(var(--natural-width) * 1.16); overflow: visible; }
figure svg text { font-variant-numeric: tabular-nums; }
figcaption { font-size: .8125rem; color: var(--muted); margin: 0 0 .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; list-style: none; padding: 0; margin: 0 0 .4rem; font-size: .8125rem; color: var(--muted); }
.legend li { display: inline-flex; align-items: center; gap: .4rem; }
.legend svg { width: 2rem; height: .9rem; flex: none; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.34fr); gap: 1rem 2.25rem; align-items: start; margin-top: 1rem; }
.scroll { overflow-x: auto; max-width: 100%; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: .8125rem; padding: .25rem 0 .5rem; }
caption span { display: block; position: sticky; left: 0; max-width: min(60rem, calc(100vw - 2.5rem)); }
th, td { padding: .34rem .42rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--hair); }
th { font-weight: 600; }
thead th { color: var(--muted); font-weight: 500; font-size: .8125rem; vertical-align: bottom; }
thead tr:last-child th { border-bottom: 1px solid var(--rule); }
th.l, td.l { text-align: left; }
th.arm { text-align: left; color: var(--ink); font-weight: 600; }
th.arm::before { content: ''; display: inline-block; width: .6rem; height: .6rem; margin-right: .4rem; background: currentColor; border-radius: 50%; }
th.arm.s1::before { border-radius: 0; transform: rotate(45deg) scale(.85); } th.arm.s2::before { border-radius: 0; } th.arm.s3::before { border-radius: 0; clip-path: polygon(50% 0, 100% 100%, 0 100%); }
th.arm.s4::before { border-radius: 0; clip-path: polygon(35% 0, 65% 0, 65% 35%, 100% 35%, 100% 65%, 65% 65%, 65% 100%, 35% 100%, 35% 65%, 0 65%, 0 35%, 35% 35%); } th.arm.s5::before { border-radius: 0; clip-path: polygon(0 0, 100% 0, 50% 100%); }
.c1::before { color: var(--c1); } .c2::before { color: var(--c2); } .c3::before { color: var(--c3); } .c4::before { color: var(--c4); } .c5::before { color: var(--c5); } .c6::before { color: var(--c6); }
td.start, th.start { border-left: 1px solid var(--hair); padding-left: .75rem; }
td.m1 { background: var(--misfit-1); } td.m2 { background: var(--misfit-2); } td.m3 { background: var(--misfit-3); font-weight: 600; }
td.ratio .mark { display: inline-block; min-width: 1.6em; text-align: left; font-size: .7em; margin-left: .3em; letter-spacing: -.1em; }
td.range, td.missing { color: var(--muted); }
td .sub { display: block; color: var(--muted); font-size: .8125em; }
td.step { white-space: normal; min-width: 12rem; vertical-align: top; }
td.bad { font-weight: 600; } td.bad::after { content: ' !'; color: var(--c1); }
td.long { white-space: normal; min-width: 16rem; }
th.group { white-space: normal; font-weight: 500; color: var(--muted); padding-top: .8rem; }
.sticky tbody th:first-child, .sticky thead tr:first-child th:first-child { position: sticky; left: 0; background: var(--page); }
tbody tr.block td, tbody tr.block th { border-top: 1px solid var(--rule); }
.caveats { font-size: .875rem; color: var(--muted); margin: .9rem 0 0; padding: 0; list-style: none; display: grid; gap: .2rem; max-width: 100ch; }
.caveats b { color: var(--ink); font-weight: 600; }
details { border-bottom: 1px solid var(--hair); }
summary { cursor: pointer; padding: .5rem 0; font-size: .9375rem; }
details[open] > summary { font-weight: 600; }
details > .scroll { margin-bottom: 1rem; }
details + .scroll, figure + .scroll { margin-top: .75rem; }
.pair > .scroll { margin-top: 0; } .pair + .scroll { margin-top: 1rem; }
.open { padding-left: 1.1rem; font-size: .9375rem; } .open li { margin: .5rem 0; }
.warnings { padding-left: 1.1rem; font-size: .9375rem; } .warnings li { margin: .3rem 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: .5rem 3rem; }
.columns ul { padding-left: 1.1rem; margin: .4rem 0; } .columns li { margin: .25rem 0; }
@media (max-width: 62rem) {
  .summary, .pair { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 32rem) {
  main, header, footer { padding-left: 1rem; padding-right: 1rem; }
  header { padding-top: 1.5rem; }
  .facts { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: .6rem 1rem; }
  .facts .wide { grid-column: 1 / -1; }
  .legend { gap: .15rem .8rem; } .legend svg { width: 1.5rem; }
  table { font-size: .8125rem; }
  th, td { padding: .34rem .4rem; }
  table.headline th, table.headline td { padding-right: 1.1rem; }
}
@media print {
  body { font-size: 9.5pt; }
  nav, .skip { display: none; }
  section:not(.post), article, figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  a { text-decoration: none; }
}
`;
