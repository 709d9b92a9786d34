/** What a person needs to mend a failure: every field that is known, in words that name the thing. */
export interface ErrorReport {
  /** One sentence saying what is wrong. */
  readonly message: string;
  /** File, folder or URL the fault lies in. */
  readonly file?: string | undefined;
  /** Field, tensor, option or flag the fault lies in. */
  readonly field?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  /** What to do next, as an imperative sentence. */
  readonly next: string;
  /** Known names close to the one that was given. */
  readonly near?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** The one error class of Pare: `code` is stable across versions and listed in `docs/errors.md`. */
export class PareError extends Error {
  override readonly name = "PareError";
  readonly code: string;
  readonly report: ErrorReport;

  constructor(code: string, report: ErrorReport) {
    super(describe(code, report), report.cause === undefined ? undefined : { cause: report.cause });
    this.code = code;
    this.report = report;
  }

  toJSON(): object {
    const { cause: _cause, ...fields } = this.report;
    return { code: this.code, ...fields };
  }
}

/** Makes errors of one code. Factories live only in the `errors.ts` of a package. */
export interface ErrorFactory<Arguments> {
  (details: Arguments): PareError;
  readonly code: string;
  /** When this error is met, for `docs/errors.md`. */
  readonly summary: string;
}

/**
 * Declares an error of the catalogue.
 *
 * @param code `<package>/<kebab-name>`, stable across versions.
 */
export function defineError<Arguments>(
  code: string,
  summary: string,
  report: (details: Arguments) => ErrorReport,
): ErrorFactory<Arguments> {
  return Object.assign((details: Arguments) => new PareError(code, report(details)), { code, summary });
}

/** True for a PareError, of this copy of core or another. */
export function isPareError(value: unknown): value is PareError {
  return value instanceof Error && value.name === "PareError" && typeof (value as { code?: unknown }).code === "string";
}

function describe(code: string, report: ErrorReport): string {
  const where = [report.file, report.field].filter((part) => part !== undefined).join(": ");
  const lines = [`${where === "" ? "" : `${where}: `}${report.message}`];
  if (report.expected !== undefined) lines.push(`  expected  ${report.expected}`);
  if (report.found !== undefined) lines.push(`  found     ${report.found}`);
  if (report.near !== undefined && report.near.length > 0) lines.push(`  near      ${report.near.join(", ")}`);
  lines.push(`  next      ${report.next}`, `  code      ${code}`);
  return lines.join("\n");
}

/** The names closest to `name` by edit distance, nearest first, at most `count`; none further than a third of its length. */
export function nearNames(name: string, known: Iterable<string>, count = 3): string[] {
  const limit = Math.max(2, Math.floor(name.length / 3));
  return [...known]
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
