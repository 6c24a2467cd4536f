import { ValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Uuid } from './fields';

/** Applied to every route parameter, query and body: what is not declared is refused, and nothing is converted. */
export const validation = new ValidationPipe({
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

/** Everything about HTTP that is the same in both services. */
export function configureHttp(app: NestExpressApplication, title: string): void {
  app.disable('x-powered-by');
  app.useBodyParser('json', { limit: '100kb', reviver: refusePrototypeKeys });
  app.useGlobalPipes(validation);
  const description = new DocumentBuilder().setTitle(title).build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description));
}

/** class-transformer drops what would shadow a method, in silence; an unknown field is an error whatever its name. */
function refusePrototypeKeys(key: string, value: unknown): unknown {
  if (key in Object.prototype) throw new SyntaxError(`property ${key} should not exist`);
  return value;
}
