import { applyDecorators, ValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ApiProperty, ApiResponse, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Uuid } from './fields';

/** As Express writes it. */
const BODY_LIMIT = '100kb';

/** Applied to every route parameter, query and body: what is not declared is refused, and nothing is converted. */
const validation = new ValidationPipe({
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true, // Nest's own default is false
  transform: true,
});

/** For routes such as `/orders/:id`. */
export class ById {
  @Uuid()
  id!: string;
}

/** What a refused request is answered with. */
class Refusal {
  @ApiProperty({ example: 404 })
  statusCode!: number;

  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] })
  message!: string | string[];

  @ApiProperty({ required: false, example: 'Not Found' })
  error?: string;
}

/** Describes why a route may say no, by status. That its input is not as described (400) goes for every route. */
export function ApiRefusals(reasons: Readonly<Record<number, string>> = {}): MethodDecorator {
  const all = { 400: 'The input is not as described; the message names each field', ...reasons };
  return applyDecorators(
    ...Object.entries(all).map(([status, description]) =>
      ApiResponse({ status: Number(status), description, type: Refusal }),
    ),
  );
}

/** For `ApiRefusals`, where a route takes a body. */
export const TOO_LARGE = { 413: `The body is larger than ${BODY_LIMIT}` };

/** For the description of an answer that says where the new resource is. */
export const LOCATION = {
  Location: { description: 'Path of the new resource', schema: { type: 'string' as const, format: 'uri-reference' } },
};

/** Everything about HTTP that is the same in both services. */
export function configureHttp(app: NestExpressApplication, title: string): void {
  app.disable('x-powered-by');
  app.useBodyParser('json', { limit: BODY_LIMIT, reviver: refusePrototypeKeys });
  app.useGlobalPipes(validation);
  const description = new DocumentBuilder().setTitle(title).build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description));
}

/** class-transformer drops what would shadow a method, in silence; an unknown field is an error whatever its name. */
function refusePrototypeKeys(key: string, value: unknown): unknown {
  if (key in Object.prototype) throw new SyntaxError(`property ${key} should not exist`);
  return value;
}
