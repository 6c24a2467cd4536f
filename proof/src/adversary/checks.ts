/**
 * Loaded before a process of the rig (`node --require`): takes one check out of the built library, by replacing a
 * function of one of its modules. The product has no switch for any of it.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { WITHOUT_VARIABLE, type Check } from './without';

const load = createRequire(__filename);
const library = dirname(load.resolve('@tallystick/outbox'));

type Functions = Record<string, (...args: never[]) => unknown>;

function moduleOf<M extends object = Functions>(...path: string[]): M {
  return load(join(library, ...path)) as M;
}

interface Envelope {
  readonly kind: 'message' | 'cancel' | 'receipt';
  readonly replyTo?: string | undefined;
}

const REMOVALS: Readonly<Record<Check, () => void>> = {
  'a queue yields only what it is for': () => {
    const { decode } = moduleOf<{ decode: (wire: unknown, to: string) => unknown }>('message', 'envelope.js');
    moduleOf<{ PLAIN: { decode: typeof decode } }>('message', 'codec.js').PLAIN.decode = decode;
  },
  'what is not signed is refused': () => {
    const codec = moduleOf<{ PLAIN: unknown; signedCodec: unknown }>('message', 'codec.js');
    codec.signedCodec = () => codec.PLAIN;
  },
  'messages are from the user of their service': () => trustUsersOf('message'),
  'cancels are from the user of their service': () => trustUsersOf('cancel'),
  'receipts are from the user of their service': () => trustUsersOf('receipt'),
  'nobody asks for answers to somebody else': () =>
    replaceSenderProblem((envelope) => ({ ...envelope, replyTo: undefined })),
  'what another queue has passed on is not believed': () => {
    const sender = moduleOf<{ senderProblem: (envelope: Envelope, from: object, ...more: unknown[]) => unknown }>(
      ...['adapters', 'rabbitmq', 'sender.js'],
    );
    const { senderProblem } = sender;
    sender.senderProblem = (envelope, from, ...more) => senderProblem(envelope, { ...from, headers: {} }, ...more);
  },
  'an answer is to a content': () => {
    const delivery = moduleOf<{ answerOf: (receipt: object) => object }>('message', 'delivery.js');
    const { answerOf } = delivery;
    delivery.answerOf = (receipt) => ({ ...answerOf(receipt), payloadHash: undefined });
  },
  'fields are as narrow as their columns': () => {
    const fields = moduleOf('message', 'fields.js');
    for (const name of ['attemptProblem', 'instantProblem', 'shortTextProblem', 'typeProblem', 'serviceProblem'])
      fields[name] = () => undefined;
  },
};

function trustUsersOf(kind: Envelope['kind']): void {
  replaceSenderProblem((envelope) => (envelope.kind === kind ? undefined : envelope));
}

/** @param shown what the check is shown of an envelope; undefined: nothing, so it has nothing against it */
function replaceSenderProblem(shown: (envelope: Envelope) => Envelope | undefined): void {
  const sender = moduleOf<{ senderProblem: (envelope: Envelope, ...more: unknown[]) => string | undefined }>(
    ...['adapters', 'rabbitmq', 'sender.js'],
  );
  const { senderProblem } = sender;
  sender.senderProblem = (envelope, ...more) => {
    const seen = shown(envelope);
    return seen && senderProblem(seen, ...more);
  };
}

REMOVALS[process.env[WITHOUT_VARIABLE] as Check]();
