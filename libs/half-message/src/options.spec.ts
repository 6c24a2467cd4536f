import { InvalidHalfMessageOptionsError } from './errors';
import { type HalfMessageOptions, resolveOptions } from './options';

describe('The options of half messages', () => {
  it('need an address and a name, and have defaults for the rest', () => {
    expect(resolveOptions({ url: 'amqp://localhost', service: 'user-service' })).toMatchObject({
      urls: ['amqp://localhost'],
      pausesMs: [10_000, 60_000, 300_000],
      maxChecks: 15,
      maxAgeMs: 86_400_000,
    });
  });

  it('are refused with everything that is wrong', () => {
    const wrong = {
      url: [],
      service: 'User Service',
      checkAfter: ['soon', '1s', 1_000],
      maxAge: '',
      maxChecks: 0,
      maxage: '1d',
    } as unknown as HalfMessageOptions;
    let problems: readonly string[] = [];
    try {
      resolveOptions(wrong);
    } catch (error) {
      problems = (error as InvalidHalfMessageOptionsError).problems;
    }
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      "there is no option 'maxage'",
      'url',
      'service',
      'checkAfter',
      'maxChecks',
      'maxAge',
      'checkAfter',
    ]);
  });
});
