const { default: Sequencer } = require('@jest/test-sequencer');

/** Proofs take minutes and unit tests none: whatever is begun last is waited for alone. */
const KINDS = [/\.proof\.spec\.ts$/, /\.e2e\.spec\.ts$/, /\.int\.spec\.ts$/, /\.spec\.ts$/];

/** Without a memory of earlier runs, as in a fresh clone, Jest begins with the largest file, and the longest test is a short one. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const kind = ({ path }) => KINDS.findIndex((pattern) => pattern.test(path));
    return super.sort(tests).sort((one, other) => kind(one) - kind(other));
  }
};
