/** Indices of tensors' axes that live and die together: what a graph says of its axes, one statement after another. */

/** How an axis is made of others: a row-major product of them (heads × width), or one after the other (joined). */
interface Parts {
  readonly kind: "split" | "join";
  readonly axes: readonly Axis[];
}

/** A set of indices 0 … size − 1, the same in every tensor that has it. Two that were united are one: compare by `rootOf`. */
export interface Axis {
  readonly size: number;
  /** The axis it was united with. */
  same?: Axis | undefined;
  parts?: Parts | undefined;
  /** Why no index of it can go. */
  bound?: string | undefined;
}

export function newAxis(size: number): Axis {
  return { size };
}

export function rootOf(axis: Axis): Axis {
  let root = axis;
  while (root.same !== undefined) root = root.same;
  return root;
}

/** The axes it is made of in the end; itself where it is whole. */
export function atomsOf(axis: Axis): Axis[] {
  const root = rootOf(axis);
  return root.parts === undefined ? [root] : root.parts.axes.flatMap(atomsOf);
}

/** No index of the axis can go; the first reason stays. */
export function bind(axis: Axis, why: string): void {
  for (const atom of atomsOf(axis)) atom.bound ??= why;
}

/** Index i of the one is index i of the other. Where they are made of parts that do not match, both are bound by `op`. */
export function unite(a: Axis, b: Axis, op: string): void {
  const [left, right] = [rootOf(a), rootOf(b)];
  if (left === right) return;
  if (left.size !== right.size) {
    for (const axis of [left, right]) bind(axis, `${op} says that axes of ${left.size} and ${right.size} are the same`);
    return;
  }
  if (left.parts !== undefined && right.parts !== undefined) matchParts(left, right, op);
  const [kept, gone] = left.parts === undefined ? [right, left] : [left, right];
  // Parts are equal now, or one has none: the other takes its place.
  if (gone.bound !== undefined) bind(kept, gone.bound);
  gone.same = kept;
}

/** `axis` is made of these parts; of parts that it has already, each becomes one of these. */
export function compose(axis: Axis, kind: Parts["kind"], axes: readonly Axis[], op: string): void {
  if (axes.length === 1) return unite(axis, axes[0], op);
  unite(axis, { size: axis.size, parts: { kind, axes } }, op);
}

/** Both lists are the factors of one product. */
export function uniteProducts(a: readonly Axis[], b: readonly Axis[], op: string): void {
  if (a.length === 1) return compose(a[0], "split", b, op);
  if (b.length === 1) return compose(b[0], "split", a, op);
  const size = a.reduce((product, axis) => product * axis.size, 1);
  unite({ size, parts: { kind: "split", axes: a } }, { size, parts: { kind: "split", axes: b } }, op);
}

function matchParts(left: Axis, right: Axis, op: string): void {
  const fail = (): void => {
    for (const axis of [left, right]) bind(axis, `${op} meets an axis of ${left.size} that is cut up in two ways`);
  };
  const { kind } = left.parts!;
  if (kind !== right.parts!.kind) return fail();
  const [as, bs] = [factors(left, kind), factors(right, kind)];
  while (as.length > 0 && bs.length > 0) {
    const [a, b] = [as.shift()!, bs.shift()!];
    if (a.size === b.size) {
      unite(a, b, op);
      continue;
    }
    const [large, small, rest] = a.size > b.size ? [a, b, as] : [b, a, bs];
    const left = kind === "join" ? large.size - small.size : large.size / small.size;
    // A part that is itself made of others in the other way does not come apart here.
    if (!Number.isInteger(left) || large.parts !== undefined) return fail();
    const tail = newAxis(left);
    compose(large, kind, [small, tail], op);
    rest.unshift(...factors(tail, kind));
  }
}

/** Its parts of one kind, those of parts of that kind among them. */
function factors(axis: Axis, kind: Parts["kind"]): Axis[] {
  const root = rootOf(axis);
  return root.parts?.kind === kind ? root.parts.axes.flatMap((part) => factors(part, kind)) : [root];
}

/** Which of its indices stay where of some axes only these stay, ascending. */
export function keptOf(axis: Axis, kept: ReadonlyMap<Axis, readonly number[]>): number[] {
  const root = rootOf(axis);
  const { parts } = root;
  if (parts === undefined) return [...(kept.get(root) ?? Array.from({ length: root.size }, (_, index) => index))];
  let before = 0;
  if (parts.kind === "join") {
    return parts.axes.flatMap((part) => {
      const from = before;
      before += part.size;
      return keptOf(part, kept).map((index) => from + index);
    });
  }
  return parts.axes.reduce<number[]>(
    (outer, part) => {
      const own = keptOf(part, kept);
      return outer.flatMap((index) => own.map((inner) => index * part.size + inner));
    },
    [0],
  );
}
