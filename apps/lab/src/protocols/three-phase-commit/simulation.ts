import type { Row } from '../../pictures/sequence';
import type { Simulated } from '.';

/** What travels. Everything takes one tick, unless the network loses it. */
type Word = 'can commit?' | 'yes' | 'pre-commit' | 'ready' | 'commit' | 'abort';

interface Letter {
  readonly from: string;
  readonly to: string;
  readonly word: Word;
}

export interface Scenario {
  readonly protocol: 'two-phase-commit' | 'three-phase-commit';
  readonly name: string;
  /** At this tick the coordinator dies, and is never seen again. */
  readonly coordinatorDies?: number;
  /** From this tick on nothing passes between these and the others. */
  readonly partition?: { readonly from: number; readonly apart: readonly string[] };
  readonly expected: Simulated['ending'];
  /** The name of its picture, if a chapter shows one. */
  readonly picture?: string;
}

type State = 'idle' | 'promised' | 'pre-committed' | 'committed' | 'aborted';

const COORDINATOR = 'coordinator';
const PARTICIPANTS = ['A', 'B', 'C'] as const;
export const PARTIES = [COORDINATOR, ...PARTICIPANTS];
/** Without a word for so many ticks, somebody gives up waiting. */
const PATIENCE = 4;
/** Long enough for everybody's patience to end. */
const TICKS = 20;

interface Party {
  state: State;
  /** Since when nothing was heard. */
  since: number;
}

export interface Played {
  readonly ending: Simulated['ending'];
  readonly story: string[];
  /** The same, to be drawn. */
  readonly rows: Row[];
}

/** Plays a scenario tick by tick: letters arrive in the order of their senders, then whoever waited too long decides. */
export function run(scenario: Scenario): Played {
  const { coordinatorDies = Infinity } = scenario;
  const parties = new Map<string, Party>(PARTICIPANTS.map((name) => [name, { state: 'idle', since: 0 }]));
  const coordinator = new Coordinator(scenario.protocol);
  const story: string[] = [];
  const rows: Row[] = [];
  const say = (tick: number, text: string): void => void story.push(`${String(tick).padStart(2)}  ${text}`);

  let letters: Letter[] = coordinator.begin();
  for (let tick = 1; tick <= TICKS; tick++) {
    if (tick === coordinatorDies) {
      say(tick, 'the coordinator dies');
      rows.push({ kind: 'mark', on: COORDINATOR, text: 'killed', what: 'die' });
    }
    const arriving = letters.filter((letter) => passes(letter, tick, scenario));
    for (const letter of letters) {
      const lost = !arriving.includes(letter);
      const { from, to, word } = letter;
      if (lost) say(tick, `"${word}" to ${to} is lost`);
      rows.push({ kind: 'arrow', from, to, lines: [word], dashed: false, ...(lost && { lost }) });
    }
    letters = [];
    for (const letter of arriving) {
      const { from, to, word } = letter;
      if (to === COORDINATOR) {
        if (tick < coordinatorDies) coordinator.hear(from, word, tick);
        continue;
      }
      const party = parties.get(to)!;
      const reply = react(party, word, tick);
      say(tick, `${to} hears "${word}": ${party.state}`);
      if (reply) letters.push({ from: to, to: COORDINATOR, word: reply });
    }
    if (tick < coordinatorDies) letters.push(...coordinator.speak(tick, (text) => say(tick, text)));
    if (scenario.protocol === 'three-phase-commit') {
      for (const [name, party] of parties) {
        if (!decideAlone(party, tick)) continue;
        say(tick, `${name} has waited long enough, and decides alone: ${party.state}`);
        rows.push({ kind: 'mark', on: name, text: `${party.state}, alone`, what: 'step' });
      }
    }
  }
  return { ending: endingOf([...parties.values()].map(({ state }) => state)), story, rows };
}

/** A participant. In 2PC nobody ever sends a pre-commit, so *promised* is where it stays. */
function react(party: Party, word: Word, tick: number): Word | undefined {
  party.since = tick;
  if (party.state === 'committed' || party.state === 'aborted') return undefined;
  switch (word) {
    case 'can commit?':
      party.state = 'promised';
      return 'yes';
    case 'pre-commit':
      party.state = 'pre-committed';
      return 'ready';
    case 'commit':
      party.state = 'committed';
      return undefined;
    case 'abort':
      party.state = 'aborted';
      return undefined;
    case 'yes':
    case 'ready':
      return undefined;
    default:
      return word satisfies never;
  }
}

/** What is new in 3PC: who is pre-committed knows that all have promised, and commits; who is not, aborts. */
function decideAlone(party: Party, tick: number): boolean {
  if (tick - party.since < PATIENCE) return false;
  if (party.state === 'promised') party.state = 'aborted';
  else if (party.state === 'pre-committed') party.state = 'committed';
  else return false;
  return true;
}

class Coordinator {
  private phase: 'asking' | 'pre-committing' | 'over' = 'asking';
  private heard = new Set<string>();
  private since = 0;

  constructor(private readonly protocol: Scenario['protocol']) {}

  begin(): Letter[] {
    return toAll('can commit?');
  }

  hear(from: string, word: Word, tick: number): void {
    if (word === (this.phase === 'asking' ? 'yes' : 'ready')) this.heard.add(from);
    this.since = tick;
  }

  speak(tick: number, say: (text: string) => void): Letter[] {
    if (this.phase === 'over') return [];
    const all = this.heard.size === PARTICIPANTS.length;
    if (!all && tick - this.since < PATIENCE) return [];
    const pre = all && this.phase === 'asking' && this.protocol === 'three-phase-commit';
    this.phase = pre ? 'pre-committing' : 'over';
    this.heard = new Set();
    this.since = tick;
    const word = pre ? 'pre-commit' : all ? 'commit' : 'abort';
    say(
      all ? `the coordinator has heard all, and says "${word}"` : `the coordinator misses somebody, and says "${word}"`,
    );
    return toAll(word);
  }
}

function toAll(word: Word): Letter[] {
  return PARTICIPANTS.map((to) => ({ from: COORDINATOR, to, word }));
}

function passes({ from, to }: Letter, tick: number, { partition }: Scenario): boolean {
  if (!partition || tick < partition.from) return true;
  return partition.apart.includes(from) === partition.apart.includes(to);
}

function endingOf(states: readonly State[]): Simulated['ending'] {
  if (states.some((state) => state !== 'committed' && state !== 'aborted')) return 'blocked';
  if (new Set(states).size > 1) return 'split';
  return states[0] === 'committed' ? 'committed' : 'aborted';
}
