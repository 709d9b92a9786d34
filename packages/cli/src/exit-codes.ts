/** Exit codes of `pare`; scripts rely on them. */
export const EXIT = {
  ok: 0,
  /** Something broke that no change of the command mends: a full disk, a fault in Pare. */
  failure: 1,
  /** The command, a file it names, or an option is wrong; the message says which. */
  usage: 2,
  /** Ctrl-C; the next run resumes. */
  cancelled: 130,
} as const;
