import { type ArgumentsHost, BadRequestException, Catch, HttpException, NotFoundException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { InvalidMessageError, UnknownDeliveryError } from '@tallystick/outbox';

/** What the caller did wrong is his to know; everything else stays a 500, with its stack in the log. */
@Catch(InvalidMessageError, UnknownDeliveryError)
export class OutboxExceptionFilter extends BaseExceptionFilter {
  override catch(error: InvalidMessageError | UnknownDeliveryError, host: ArgumentsHost): void {
    super.catch(answer(error), host);
  }
}

function answer(error: InvalidMessageError | UnknownDeliveryError): HttpException {
  if (error instanceof InvalidMessageError) return new BadRequestException([...error.violations]);
  return new NotFoundException(error.message);
}
