import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { OutboxMessage } from '../message/contract';
import { declaredOn, type MessageContext, MessageHandler } from './decorators';
import { concurrencyOf, type HandlerOptions, optionsProblem, parameterProblem } from './handler-options';

@OutboxMessage({ type: 'view.counted', to: 'statistics' })
class ViewCounted {
  page!: string;
}

describe('what a handler asks for', () => {
  it.each<[string, HandlerOptions]>([
    ['nothing', {}],
    ['groups as they come', { groupCommit: 'auto' }],
    ['groups of a size', { concurrency: 64, groupCommit: 16 }],
    ['arrays', { batch: 64 }],
    ['arrays, and how many are in hand', { batch: 64, concurrency: 64, timeout: '5s' }],
  ])('may be %s', (_, options) => {
    expect(optionsProblem(options)).toBeUndefined();
  });

  it.each<[string, object, RegExp]>([
    ['more at once than a process can bear', { concurrency: 1001 }, /^concurrency 1001 is no whole number/],
    ['groups larger than what is in hand', { groupCommit: 9 }, /^groupCommit 9 is .* concurrency \(8\), nor 'auto'/],
    ['groups of another kind', { groupCommit: 'always' }, /^groupCommit always is .*, nor 'auto'/],
    ['an array of none', { batch: 0 }, /^batch 0 is no whole number from 1 to 500/],
    ['an array larger than what is in hand', { batch: 9, concurrency: 8 }, /^batch 9 is .* concurrency \(8\)/],
    [
      'arrays and groups',
      { batch: 4, groupCommit: 'auto' },
      /^batch \(4\) and groupCommit \(auto\) exclude each other/,
    ],
    ['no time', { timeout: 'soon' }, /^timeout "soon" is no duration/],
  ])('is not %s', (_, options, problem) => {
    expect(optionsProblem(options as HandlerOptions)).toMatch(problem);
  });

  it('has a second batch in hand beside the first', () => {
    expect([concurrencyOf({ batch: 64 }), concurrencyOf({ batch: 64, concurrency: 64 }), concurrencyOf({})]).toEqual([
      128, 64, 8,
    ]);
  });
});

describe('what a handler takes', () => {
  @Injectable()
  class Views {
    @MessageHandler(ViewCounted) async one(_: ViewCounted): Promise<void> {}
    @MessageHandler(ViewCounted, { batch: 2 }) async many(_: ViewCounted[], __: MessageContext[]): Promise<void> {}
    @MessageHandler(ViewCounted, { batch: 2 }) async results(views: ViewCounted[]): Promise<string[]> {
      return views.map(({ page }) => page);
    }
    // @ts-expect-error one message where an array comes
    @MessageHandler(ViewCounted, { batch: 2 }) async tooFew(_: ViewCounted): Promise<void> {}
    // @ts-expect-error an array where one message comes
    @MessageHandler(ViewCounted) async tooMany(_: ViewCounted[]): Promise<void> {}
    // @ts-expect-error one result for all
    @MessageHandler(ViewCounted, { batch: 2 }) async oneResult(_: ViewCounted[]): Promise<{ total: number }> {
      return { total: 1 };
    }
  }
  const problemOf = (method: keyof Views): string | undefined => {
    const [declared] = declaredOn(Views.prototype[method]);
    return parameterProblem(declared!.options, declared!.parameter);
  };

  it('is an array with `batch`, and one message without', () => {
    expect([problemOf('one'), problemOf('many'), problemOf('results')]).toEqual([undefined, undefined, undefined]);
  });

  it('is refused where the compiler did not see it, with what to do', () => {
    expect(problemOf('tooFew')).toMatch(/takes one message, and with `batch: 2`.*Take an array, or leave out `batch`/);
    expect(problemOf('tooMany')).toMatch(/takes an array.*Take one, or add the option `batch`/);
  });

  it('is not judged where nobody wrote it down', () => {
    expect(parameterProblem({ batch: 2 }, undefined)).toBeUndefined();
    expect(parameterProblem({ batch: 2 }, Object)).toBeUndefined();
  });
});
