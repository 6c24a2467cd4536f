import 'reflect-metadata';
import { startApplication } from '../application';
import { ConsumerModule } from './consumer.module';

void startApplication('rig-consumer', ConsumerModule);
