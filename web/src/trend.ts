/** The trend line of a symbol's last hours, from its candles and its quotes, with a limited number of points. */

const MOST_POINTS = 60;
/** A line of fewer points would look like a trend without being one. */
export const FEWEST_POINTS = 8;
const FIRST_STEP_MS = 1000;

export type Point = readonly [ts: number, price: number];

export class Trend {
  #points: Point[] = [];
  #stepMs = FIRST_STEP_MS;

  get points(): readonly Point[] {
    return this.#points;
  }

  /** The rise of the line, as a fraction of its first price; undefined while there are too few points. */
  get rise(): number | undefined {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    return first && last && this.#points.length >= FEWEST_POINTS && first[1] > 0 ? last[1] / first[1] - 1 : undefined;
  }

  /** Add the price at a time, in Unix ms. Of several prices in one step only the last stays. */
  add(ts: number, price: number): void {
    const last = this.#points.at(-1);
    if (last && ts < last[0]) return;
    const before = this.#points.at(-2);
    const isSameStep = last && before && Math.floor(ts / this.#stepMs) === Math.floor(last[0] / this.#stepMs);
    if (isSameStep) this.#points.pop();
    this.#points.push([ts, price]);
    if (this.#points.length > MOST_POINTS) this.#thin();
  }

  /** Put candles of `stepMs` before the prices that were added. */
  prepend(candles: readonly Point[], stepMs: number): void {
    const added = this.#points;
    this.#points = [];
    this.#stepMs = stepMs;
    for (const [ts, price] of candles.slice(-MOST_POINTS)) this.add(ts, price);
    for (const [ts, price] of added) this.add(ts, price);
  }

  /** Double the step and keep every second point; the first and the last stay. */
  #thin(): void {
    this.#stepMs *= 2;
    const end = this.#points.length - 1;
    this.#points = this.#points.filter((_, index) => index === end || index % 2 === 0);
  }
}

/** The `points` of an SVG polyline in a box of this size, with half a stroke of space above and below. */
export function polyline(points: readonly Point[], width: number, height: number): string {
  if (points.length < FEWEST_POINTS) return "";
  const prices = points.map(([, price]) => price);
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const start = points[0]?.[0] ?? 0;
  const length = (points.at(-1)?.[0] ?? 0) - start || 1;
  // A constant price is a line through the middle.
  const level = (price: number) => (high > low ? (high - price) / (high - low) : 0.5);
  return points
    .map(
      ([ts, price]) =>
        `${(((ts - start) / length) * width).toFixed(1)},${(1 + level(price) * (height - 2)).toFixed(1)}`,
    )
    .join(" ");
}
