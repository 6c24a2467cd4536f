import 'reflect-metadata';
import { startApplication } from '../application';
import { ProducerModule } from './producer.module';

void startApplication('rig-producer', ProducerModule);
