import { tallystick } from './index';
import { processTerminal } from './terminal';

void tallystick(process.argv.slice(2), processTerminal()).then((code) => {
  process.exitCode = code;
});
