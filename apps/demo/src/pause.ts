import type { ReadStream } from 'node:tty';

/** Whoever types, if somebody does: a pipe or a file never presses Enter. */
export type Typist = Pick<ReadStream, 'once' | 'off' | 'resume' | 'pause'> & { readonly isTTY?: boolean };

/** Resolves when Enter was pressed; at once where nobody sits at a terminal. @throws the reason of `signal` */
export async function enterPressed(typist: Typist, signal: AbortSignal): Promise<void> {
  if (!typist.isTTY) return;
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const ended = (): void => {
      typist.off('data', typed);
      typist.pause(); // a stream that is read keeps its process alive
      reject(signal.reason as Error);
    };
    const typed = (): void => {
      signal.removeEventListener('abort', ended);
      typist.pause();
      resolve();
    };
    signal.addEventListener('abort', ended, { once: true });
    typist.once('data', typed); // a terminal hands over whole lines
    typist.resume();
  });
}
