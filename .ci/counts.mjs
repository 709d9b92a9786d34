// Prints the last line of .ci/run: the tests that vitest counted and the other checks, each of which counts as one.
import { existsSync, readFileSync } from "node:fs";

const [report, checks, ...failedChecks] = process.argv.slice(2);
const testCommandFailed = failedChecks.some((check) => check.endsWith(" test"));
const otherFailed = failedChecks.length - (testCommandFailed ? 1 : 0);

const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
const tests = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : none;
const skipped = tests.numPendingTests + tests.numTodoTests;
// A build, a file that does not load or an unhandled error fails the command though no single test did.
const failed = otherFailed + Math.max(tests.numFailedTests, testCommandFailed ? 1 : 0);

console.log(
  [
    `${tests.numPassedTests + Number(checks) - 1 - otherFailed} passed`,
    `${failed} failed`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(", "),
);
process.exitCode = failed === 0 ? 0 : 1;
