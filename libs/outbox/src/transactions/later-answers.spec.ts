import { LaterAnswers } from './later-answers';

describe('answers that come later', () => {
  const why = new Error('the message was recorded before');

  it('tell why a statement failed that is not at fault, once', async () => {
    const later = new LaterAnswers();
    later.note(Promise.resolve('done'));
    later.note(Promise.reject(why));
    expect(await later.failure()).toBe(why);
    expect(await later.failure()).toBeUndefined();
  });

  it('are awaited: whoever asks may be faster than they are', async () => {
    const later = new LaterAnswers();
    let refuse = (_: Error): void => {};
    later.note(new Promise((_, reject) => (refuse = reject)));
    const failure = later.failure();
    refuse(why);
    expect(await failure).toBe(why);
  });

  it('are no reason where they went well, or where nothing was sent', async () => {
    const later = new LaterAnswers();
    expect(await later.failure()).toBeUndefined();
    later.note(Promise.resolve('done'));
    expect(await later.failure()).toBeUndefined();
  });

  it('are nobody’s reason any more when what they belong to was rolled back', async () => {
    const later = new LaterAnswers();
    later.note(Promise.reject(why));
    later.clear();
    expect(await later.failure()).toBeUndefined();
  });

  it('may fail without anybody asking: that ends no process', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    new LaterAnswers().note(Promise.reject(why));
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
