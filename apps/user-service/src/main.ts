import 'reflect-metadata';
import { startService } from '@tallystick/chassis';
import { AppModule } from './app.module';
import { UserServiceConfig } from './config';

void startService('user-service', AppModule, UserServiceConfig);
