import type { Socket } from 'node:net';
import type { TcpSocket } from '@nestjs/microservices';
import type { Clock } from '../../ports/clock';
import { FrameReader } from './frame-reader';
import { nestMicroservices } from './nest-microservices';

export interface FrameLimits {
  /** Most bytes of one frame, and of what may wait to be read by the other side. */
  readonly maxBytes: number;
  /** From the first byte of a frame to its last, however steadily they come. */
  readonly deadlineMs: number;
}

/** Nest's JSON socket for a server whose callers are not trusted: whoever breaks a limit loses the connection at once. */
export function frameSocketClass(limits: FrameLimits, clock: Clock): new (socket: Socket) => TcpSocket {
  const { TcpSocket } = nestMicroservices();
  return class FrameSocket extends TcpSocket {
    private readonly reader = new FrameReader(limits.maxBytes);
    private stopDeadline: (() => void) | undefined;

    constructor(socket: Socket) {
      super(socket);
      socket.once('close', () => this.endDeadline());
      socket.on('drain', () => socket.resume());
    }

    protected handleData(data: Buffer): void {
      if (this.socket.destroyed) return;
      const texts = this.reader.push(data);
      if (texts.length > 0) this.endDeadline();
      if (this.reader.underWay)
        this.stopDeadline ??= clock.schedule(limits.deadlineMs, () =>
          this.handleDataError(new Error('a frame took too long')),
        );
      for (const text of texts) this.emitMessage(text);
    }

    /** Who does not read the replies is not read from either. */
    protected handleSend(message: unknown, callback?: (error?: unknown) => void): void {
      const text = JSON.stringify(message);
      if (!this.socket.write(`${text.length}#${text}`, callback)) this.socket.pause();
      if (this.socket.writableLength > limits.maxBytes) this.handleDataError(new Error('replies are not read'));
    }

    protected override handleDataError(error: unknown): void {
      this.endDeadline();
      super.handleDataError(error, { destroy: true });
    }

    private endDeadline(): void {
      this.stopDeadline?.();
      this.stopDeadline = undefined;
    }
  };
}
