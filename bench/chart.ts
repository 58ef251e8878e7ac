import type { Result } from './result.js';

const width = 720;
const left = 150;
const right = 60;
const rowHeight = 16;
const headHeight = 26;
const footHeight = 44;
/** Longer bars are cut; their number stands beside them. */
const longest = 2.5;

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; }
  .note { fill: #59636e; font-size: 11px; }
  .bar { fill: #9aa4af; }
  .halyard { fill: #0969da; }
  .line { stroke: #59636e; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .bar { fill: #656c76; }
    .halyard { fill: #4493f8; }
    .line { stroke: #9198a1; }
  }`;

/** The ratios as an SVG bar chart. @param note what they were measured on, and when; parts divided by `; ` get a line each */
export function chart(results: readonly Result[], note: string): string {
  const scale = (width - left - right) / longest;
  const parts: string[] = [];
  let y = 8;
  const rows = results.filter(({ ratio }) => ratio !== null);
  for (const scenario of new Set(rows.map((row) => row.scenario))) {
    y += headHeight;
    parts.push(text(left, y - 8, 'head', scenario));
    for (const { server, ratio } of rows.filter((row) => row.scenario === scenario)) {
      const length = Math.min(ratio!, longest) * scale;
      const kind = server === 'halyard' ? 'halyard' : 'bar';
      parts.push(
        text(left - 8, y + 12, '', server, 'end'),
        `<rect class="${kind}" x="${left}" y="${y + 2}" width="${length.toFixed(1)}" height="${rowHeight - 4}" rx="2"/>`,
        text(left + length + 6, y + 12, 'note', ratio!.toFixed(2)),
      );
      y += rowHeight;
    }
  }
  const one = left + scale;
  const height = y + footHeight + 16 * note.split('; ').length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>Cost of one operation on each server, bare ws being 1.00</title>`,
    `<style>${style}\n</style>`,
    `<line class="line" x1="${one}" y1="8" x2="${one}" y2="${y + 4}"/>`,
    ...parts,
    text(left, y + 20, 'note', 'server CPU per operation, bare ws being 1.00; shorter is better'),
    text(left, y + 36, 'note', 'idle-memory: resident memory; latency-512: the 99th percentile'),
    ...note.split('; ').map((line, index) => text(left, y + 52 + 16 * index, 'note', line)),
    '</svg>\n',
  ].join('\n');
}

function text(x: number, y: number, kind: string, content: string, anchor = 'start'): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escape(content)}</text>`;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escape(content: string): string {
  return content.replace(/[&<>]/g, (character) => escapes[character]!);
}
