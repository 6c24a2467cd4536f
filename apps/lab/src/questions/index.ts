import { Cleanup } from '@tallystick/services';
import { table } from '../report/table';
import type { Terminal } from '../report/terminal';
import { Bench } from '../world/bench';
import type { Servers } from '../world/servers';
import { backlog } from './backlog';
import { duplicates } from './duplicates';
import { loss } from './loss';
import { order } from './order';
import { parkAndRestore } from './park-and-restore';
import type { Answer, Question } from './question';

export const QUESTIONS: readonly Question[] = [loss, duplicates, backlog, parkAndRestore, order];

/** Tells what came of it. */
export async function answerTo(
  question: Question,
  servers: () => Promise<Servers>,
  cleanup: Cleanup,
  terminal: Terminal,
): Promise<readonly Answer[]> {
  const own = new Cleanup();
  cleanup.defer(() => own.run());
  const answers = await question.ask(new Bench(await servers(), own), own);
  await own.run();
  terminal.heading(question.title);
  terminal.say(`\n${table(answers.map(({ row }) => row))}\n`);
  const asExpected = answers.every((answer) => answer.asExpected);
  terminal.verdict(asExpected, asExpected ? 'as expected' : 'not as expected');
  return answers;
}
