import 'reflect-metadata';
import { startService } from '@tallystick/chassis';
import { AppModule } from './app.module';
import { OrderServiceConfig } from './config';

void startService('order-service', AppModule, OrderServiceConfig);
