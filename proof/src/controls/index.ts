/** Negative controls: builds that lack a rule must be caught. A suite that cannot fail proves nothing. */
export { type ControlsSummary, describeControl, runControls } from './controls';
