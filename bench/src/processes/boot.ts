import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { SideOptions } from '../business/sides';

/**
 * A program for one question: what has an application in memory when it has booted, without the library or with it? The
 * worker's roles load everything there is, so none of them can tell. Run with `--expose-gc`; ends with its parent.
 */
const [what, optionsText] = process.argv.slice(2) as ['plain' | 'library', string];
const options = JSON.parse(optionsText) as SideOptions;

async function boot(): Promise<void> {
  if (what === 'library') {
    const { LibraryProducer } = await import('../library/producer.js');
    await new LibraryProducer({ ...options, poolSize: 1 }).start();
  } else {
    class PlainModule {}
    const database = TypeOrmModule.forRoot({ type: 'postgres', url: options.databaseUrl, extra: { max: 1 } });
    await NestFactory.createApplicationContext(
      { module: PlainModule, imports: [database] },
      { logger: ['fatal', 'error'] },
    );
  }
  gc!();
  process.send!(process.memoryUsage.rss());
}

process.once('disconnect', () => process.exit(0));
void boot();
