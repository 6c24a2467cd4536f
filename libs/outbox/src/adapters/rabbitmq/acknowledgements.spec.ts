import type { Channel, ConsumeMessage } from 'amqplib';
import { SeededRandom } from '../../testing';
import { Acknowledgements } from './acknowledgements';

const tag = (deliveryTag: number): ConsumeMessage => ({ fields: { deliveryTag } }) as ConsumeMessage;

/** Reads what it is told as a broker does: a tag that is not outstanding closes the channel. */
class BrokerChannel {
  readonly outstanding = new Set<number>();
  readonly frames: string[] = [];

  ack({ fields: { deliveryTag } }: ConsumeMessage, multiple = false): void {
    this.settle(deliveryTag);
    if (multiple) for (const each of this.outstanding) if (each < deliveryTag) this.outstanding.delete(each);
    this.frames.push(`ack ${deliveryTag}${multiple ? ' and all before' : ''}`);
  }

  nack({ fields: { deliveryTag } }: ConsumeMessage): void {
    this.settle(deliveryTag);
    this.frames.push(`nack ${deliveryTag}`);
  }

  private settle(deliveryTag: number): void {
    if (!this.outstanding.delete(deliveryTag))
      throw new Error(`PRECONDITION_FAILED - unknown delivery tag ${deliveryTag}`);
  }
}

describe('what is done in one turn', () => {
  let broker: BrokerChannel;
  let acknowledgements: Acknowledgements;
  beforeEach(() => {
    broker = new BrokerChannel();
    acknowledgements = new Acknowledgements(broker as unknown as Channel);
  });
  const take = (...tags: number[]): void => {
    for (const each of tags) {
      broker.outstanding.add(each);
      acknowledgements.take(tag(each));
    }
  };
  const ack = async (...tags: number[]): Promise<void> => {
    await Promise.all(tags.map((each) => acknowledgements.ack(tag(each))));
  };

  it('is told with one frame, in whatever order it was done', async () => {
    take(1, 2, 3);
    await ack(3, 1, 2);
    expect(broker.frames).toEqual(['ack 3 and all before']);
  });

  it('alone, is told alone', async () => {
    take(1);
    await ack(1);
    expect(broker.frames).toEqual(['ack 1']);
  });

  it('says nothing of what is still in hand', async () => {
    take(1, 2, 3, 4, 5);
    await ack(1, 2, 4, 5);
    expect(broker.frames).toEqual(['ack 2 and all before', 'ack 4', 'ack 5']);
    expect([...broker.outstanding]).toEqual([3]);
    await ack(3);
    expect(broker.frames.at(-1)).toBe('ack 3');
  });

  it('says nothing twice of what went back', async () => {
    take(1, 2, 3);
    await acknowledgements.nack(tag(2));
    await ack(1, 3);
    expect(broker.frames).toEqual(['nack 2', 'ack 3 and all before']);
  });

  it('is no trouble when the channel is gone', async () => {
    take(1);
    broker.outstanding.clear();
    await ack(1);
    expect(broker.frames).toEqual([]);
  });

  it.each([1, 2, 3, 4, 5])('settles exactly what is done, whatever the order (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const inHand: number[] = [];
    for (let next = 1; next <= 300; next++) {
      take(next);
      inHand.push(next);
      while (inHand.length > 0 && random.chance(0.45)) {
        const [one] = inHand.splice(random.below(inHand.length), 1);
        if (random.chance(0.2)) await acknowledgements.nack(tag(one!));
        else if (random.chance(0.5)) await ack(one!);
        else void ack(one!);
      }
    }
    await ack(inHand.pop()!);
    expect([...broker.outstanding]).toEqual(inHand);
  });
});
