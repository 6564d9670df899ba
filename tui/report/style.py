"""The style of a report's page: light and dark, on screen and on paper; colours that colour-blind people tell apart."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --quiet: #5b6570; --rule: #dde1e6; --grid: #e6e9ed;
  --used: #0072b2; --idle: #f0c26b; --start: #c77cab; --left: #7d4a86; --unseen: #e9ecef; --hatch: #ffffff;
  --bad: #b3261e; --code: #eef2f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111418; --card: #191d23; --text: #e6e9ed; --quiet: #9aa5b1; --rule: #2c333b; --grid: #262c34;
    --used: #4aa8e0; --idle: #8a6a24; --start: #a85a8b; --left: #c9a0d0; --unseen: #262c34; --hatch: #191d23;
    --bad: #ff8a80; --code: #232a32;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0 0 2px; }
p { margin: 0 0 8px; }
.quiet { color: var(--quiet); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
section { padding: 18px 20px; margin-top: 18px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-top: 20px; }
.figure { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 16px; }
.figure b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figure span { color: var(--quiet); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
.scroll > svg { min-width: 720px; }
.bar { margin: 10px 0 4px; }
.bar svg { border-radius: 4px; height: 30px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; color: var(--quiet); font-size: 13px; }
th, td { padding: 5px 12px 5px 0; white-space: nowrap; border-bottom: 1px solid var(--rule); vertical-align: middle; }
td.right, th.right { text-align: right; }
td.quiet { white-space: normal; padding-left: 10px; min-width: 240px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 6px 0 0; font-size: 13px; color: var(--quiet); }
tr:last-child td { border-bottom: 0; }
td.name { max-width: 150px; overflow: hidden; text-overflow: ellipsis; }
td svg { width: 130px; height: 14px; border-radius: 3px; }
.key, td .key { display: inline-block; width: 22px; height: 12px; margin-right: 8px; vertical-align: -1px; }
.advice { list-style: none; margin: 10px 0 0; padding: 0; display: grid; gap: 12px; }
.advice li { border-left: 4px solid var(--used); padding: 2px 0 2px 14px; }
code { font: 14px/1.4 ui-monospace, monospace; background: var(--code); border-radius: 4px; padding: 1px 6px; }
.used { fill: var(--used); } .idle { fill: var(--idle); } .waiting_for_first_worker { fill: var(--start); }
.without_workers { fill: var(--left); } .unobserved { fill: var(--unseen); } .none { fill: var(--grid); }
.hatch { stroke: var(--hatch); stroke-width: 1.6; fill: none; }
.granted { fill: var(--idle); } .granted-edge { fill: none; stroke: var(--text); stroke-width: 1.4; }
.grid { stroke: var(--grid); stroke-width: 1; }
.pending { stroke: var(--quiet); stroke-width: 2; stroke-dasharray: 2 4; }
.bad { stroke: var(--bad); stroke-width: 2.4; fill: none; } .end-mark { stroke: var(--text); stroke-width: 2; }
text { fill: var(--text); font: 12px system-ui, sans-serif; } .tick { fill: var(--quiet); }
.small { font-size: 10px; } .bad-word { fill: var(--bad); font-weight: 600; }
.middle { text-anchor: middle; } .end { text-anchor: end; }
.ended-badly { color: var(--bad); font-weight: 600; }
footer { color: var(--quiet); font-size: 13px; margin-top: 18px; }
section > p:last-child { margin-bottom: 0; }
@media print {
  :root { --page: #fff; --rule: #ccc; }
  body { font-size: 12px; } main { max-width: none; padding: 0; }
  section, .figure, tr, li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
