import {
  type CanActivate,
  type ExecutionContext,
  HttpStatus,
  Injectable,
  ServiceUnavailableException,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { OutboxPressure } from './pressure';

/**
 * Refuses a request with 503 and `Retry-After` while the outbox is too far behind (option `shedAfter`). It never waits
 * for the database, and lets everybody in while the database cannot tell.
 *
 * Meant for routes whose callers can come again: what such a route records would only wait longer. Mark them with
 * {@link Sheddable}.
 */
@Injectable()
export class OutboxPressureGuard implements CanActivate {
  constructor(
    private readonly pressure: OutboxPressure,
    private readonly adapters: HttpAdapterHost,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const tooMuch = this.pressure.check();
    if (!tooMuch) return true;
    const { lagMs, retryAfterSeconds } = tooMuch;
    if (context.getType() === 'http') {
      const response: unknown = context.switchToHttp().getResponse();
      this.adapters.httpAdapter.setHeader(response, 'Retry-After', String(retryAfterSeconds));
    }
    throw new ServiceUnavailableException({
      statusCode: HttpStatus.SERVICE_UNAVAILABLE,
      error: 'Service Unavailable',
      code: 'OUTBOX_BEHIND',
      message: `Messages recorded earlier have been waiting to be sent for ${Math.round(lagMs / 1000)} s. Nothing was done; try again in ${retryAfterSeconds} s.`,
    });
  }
}

/** On a route handler or a controller: its requests may be refused while the outbox is too far behind. */
export function Sheddable(): ClassDecorator & MethodDecorator {
  return UseGuards(OutboxPressureGuard);
}
