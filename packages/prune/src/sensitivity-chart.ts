/** A scan as a picture. */
import type { ScanPoint, Sensitivity } from "./sensitivity.ts";

const [WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP] = [900, 460, 60, 40, 260, 16];

/** Loss against the share that is gone, a line per part, as one SVG file without scripts or fonts of its own. */
export function sensitivityChart({ whole, groups }: Sensitivity): string {
  const losses = groups.flatMap(({ points }) => points.map(({ loss }) => loss)).filter(Number.isFinite);
  const [low, high] = [Math.min(whole.loss, ...losses), Math.max(whole.loss, ...losses)];
  const x = (share: number): number => LEFT + share * (WIDTH - LEFT - RIGHT);
  const y = (loss: number): number => HEIGHT - BOTTOM - ((loss - low) / (high - low || 1)) * (HEIGHT - BOTTOM - TOP);
  const place = (share: number, loss: number): string => `${x(share).toFixed(1)},${y(loss).toFixed(1)}`;
  const step = Math.min(18, (HEIGHT - BOTTOM - TOP) / groups.length);
  const lines = groups.map(({ name, points }, index) => {
    const colour = `hsl(${Math.round((360 * index) / groups.length)} 65% 40%)`;
    const shown = points.filter(({ loss }: ScanPoint) => Number.isFinite(loss));
    const path = [place(0, whole.loss), ...shown.map(({ share, loss }) => place(share, loss))].join(" ");
    const label = `<text x="${WIDTH - RIGHT + 16}" y="${(TOP + (index + 0.8) * step).toFixed(1)}" fill="${colour}">${escaped(name)}</text>`;
    return `<polyline fill="none" stroke="${colour}" points="${path}"><title>${escaped(name)}</title></polyline>${label}`;
  });
  const shares = [0, 0.25, 0.5, 0.75, 1].map(
    (share) => `<text x="${x(share)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${100 * share} %</text>`,
  );
  const ticks = [0, 1, 2, 3, 4].map((at) => {
    const loss = low + (at / 4) * (high - low);
    const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(loss).toFixed(1)}" y2="${y(loss).toFixed(1)}" stroke="#ddd"/>`;
    return `${line}<text x="${LEFT - 8}" y="${(y(loss) + 4).toFixed(1)}" text-anchor="end">${loss.toFixed(2)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="${Math.min(12, step)}">`,
    `<title>Loss by the share of each part that is gone</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...ticks,
    ...shares,
    ...lines,
    "</svg>\n",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
