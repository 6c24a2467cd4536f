import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedis } from '@tallystick/services';
import Redis from 'ioredis';
import { HalfMessageRuledOutError } from '../errors';
import type { HalfMessage } from '../half-message';
import { RedisBarrier, type RedisEffect } from './redis-barrier';

/** Checks first, for nothing is undone; then writes. */
const TAKE = `
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return redis.error_reply('OUT_OF_STOCK') end
return redis.call('DECRBY', KEYS[1], ARGV[1])`;

describe('The barrier in Redis', () => {
  let server: RedisServer;
  let redis: Redis;
  let barrier: RedisBarrier;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => {});
    barrier = new RedisBarrier(redis);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => redis.set('stock:ticket', 5));

  const half = (): HalfMessage => ({ id: randomUUID(), type: 'ticket.sold', payload: '{"seat":1}' });
  const take = (pieces: number): RedisEffect => ({ script: TAKE, keys: ['stock:ticket'], arguments: [pieces] });
  const stock = async (): Promise<number> => Number(await redis.get('stock:ticket'));

  it('writes the effect and its decision together, and gives back what the script returned', async () => {
    const each = half();
    expect(await barrier.commit(each, take(2))).toBe(3);
    expect(await barrier.check(each)).toBe('committed');
    expect(await stock()).toBe(3);
    expect(await redis.pttl(`half-message:${each.id}`)).toBeGreaterThan(6 * 24 * 3_600_000);
  });

  it('rules out what it does not find: the effect that comes later does nothing', async () => {
    const each = half();
    expect(await barrier.check(each)).toBe('rolled back');
    await expect(barrier.commit(each, take(1))).rejects.toThrow(HalfMessageRuledOutError);
    expect(await stock()).toBe(5);
  });

  it('does nothing twice', async () => {
    const each = half();
    await barrier.commit(each, take(1));
    await expect(barrier.commit(each, take(1))).rejects.toThrow('committed before');
    expect(await stock()).toBe(4);
    expect(await barrier.check(each)).toBe('committed');
  });

  it('decides nothing where the effect refuses, so that a check rules it out', async () => {
    const each = half();
    await expect(barrier.commit(each, take(6))).rejects.toThrow('OUT_OF_STOCK');
    expect(await redis.exists(`half-message:${each.id}`)).toBe(0);
    expect(await barrier.check(each)).toBe('rolled back');
    expect(await stock()).toBe(5);
  });

  it('says nothing of other content that comes under the same id', async () => {
    const each = half();
    await barrier.commit(each, take(1));
    expect(await barrier.check({ ...each, payload: '{"seat":2}' })).toBe('rolled back');
  });

  it('survives a crash of Redis together with the effect', async () => {
    const each = half();
    await barrier.commit(each, take(1));
    await server.crash();
    expect(await barrier.check(each)).toBe('committed');
    expect(await stock()).toBe(4);
  });
});
