/** The page's whole appearance: light and dark, narrow and wide, on paper. */
export const reportStyle = `
:root { --back: #fbfaf7; --card: #fff; --ink: #1d1f22; --soft: #63676d; --line: #e3e0d8; --good: #1f7a4d; --good-back: #e6f3ec; --bad: #b3261e;
  --bad-back: #fbe9e7; --odd: #8a6100; --odd-back: #fbf1da; --bar: #c9c4b8; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15171a; --card: #1d2024; --ink: #e8e6e1; --soft: #9a9ea5; --line: #31353b; --good: #6cc79a; --good-back: #1b3327; --bad: #ff8a80;
    --bad-back: #3a1d1b; --odd: #e6b95c; --odd-back: #352b16; --bar: #4a4f57; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, nav, main { max-width: 68rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 3rem; }
.brand { margin: 0; color: var(--soft); font: 600 .8rem/1 ui-monospace, "DejaVu Sans Mono", monospace; letter-spacing: .08em; }
h1 { margin: .6rem 0 .4rem; font-size: 2.2rem; line-height: 1.15; letter-spacing: -.02em; }
h1.good { color: var(--good); } h1.bad { color: var(--bad); }
.lead { max-width: 46rem; margin: 0; color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 2.5rem; margin: 1.8rem 0; }
.figures div { display: flex; flex-direction: column; }
.figures dd { margin: 0; font-size: 2rem; font-weight: 650; line-height: 1.1; font-variant-numeric: tabular-nums; }
.figures dt { color: var(--soft); }
.figures .good dd { color: var(--good); } .figures .bad dd { color: var(--bad); } .figures .odd dd { color: var(--odd); }
nav { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .6rem; }
.tile { display: flex; justify-content: space-between; align-items: baseline; padding: .6rem .8rem; border: 1px solid var(--line); border-left-width: 4px;
  border-radius: 6px; background: var(--card); color: inherit; text-decoration: none; }
.tile { gap: .6rem; white-space: nowrap; }
.tile span { color: var(--soft); font-variant-numeric: tabular-nums; }
.tile.good { border-left-color: var(--good); } .tile.bad { border-left-color: var(--bad); } .tile.odd { border-left-color: var(--odd); }
.tile:hover { border-color: var(--soft); }
main { padding-bottom: 4rem; }
h2 { margin: 2.6rem 0 .8rem; font-size: 1.25rem; }
article { display: grid; grid-template-columns: 8.2rem 1fr; gap: 0 1rem; padding: .9rem 1rem; border: 1px solid var(--line); border-top-width: 0; background: var(--card); }
article:first-of-type { border-top-width: 1px; border-radius: 8px 8px 0 0; } article:last-of-type { border-radius: 0 0 8px 8px; }
article > div { min-width: 0; }
.mark span { display: inline-block; padding: .1rem .55rem; border-radius: 1rem; font-size: .78rem; font-weight: 600; white-space: nowrap; }
.blocked .mark span { background: var(--good-back); color: var(--good); }
.reached .mark span { background: var(--bad-back); color: var(--bad); }
.unproven .mark span { background: var(--odd-back); color: var(--odd); }
h3 { margin: 0; font-size: 1rem; font-weight: 600; }
.id { margin: .1rem 0 .3rem; color: var(--soft); font-size: .88rem; }
.id b { color: var(--ink); font-weight: 600; }
code, ul { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: .8rem; }
ul { margin: .3rem 0 0; padding: 0; list-style: none; color: var(--soft); line-height: 1.55; }
li { overflow-wrap: anywhere; padding-left: .9rem; text-indent: -.9rem; }
li::before { content: "– "; }
.control { margin: .4rem 0 0; color: var(--soft); font-size: .8rem; }
.control i { display: inline-block; padding: 0 .4rem; border: 1px solid var(--line); border-radius: 4px; font-style: normal; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; font-weight: 500; } thead th { color: var(--soft); font-weight: 500; font-size: .85rem; }
td.bad { color: var(--bad); font-weight: 700; }
.bars { position: relative; width: 34%; min-width: 8rem; }
.bar { position: absolute; left: .8rem; height: .5rem; top: calc(50% - .25rem); border-radius: 3px; max-width: calc(100% - 1.6rem); }
.bar.slow { background: var(--bar); } .bar.usual { background: var(--good); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { article { grid-template-columns: 1fr; gap: .4rem; } h1 { font-size: 1.7rem; } .bars { display: none; } }
@media print { body { background: #fff; } article { break-inside: avoid; } nav { display: none; } }
`;
