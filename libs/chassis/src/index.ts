export { configuration, IsAddress, IsUrlWith, SERVICE_CONFIG, ServiceConfig } from './config';
export { database, exactText, instant, safeInteger, storeOf } from './database';
export { Cents, Quantity, Sku, Text, Uuid } from './fields';
export { HealthModule } from './health';
export { ApiRefusals, ById, LOCATION, TOO_LARGE } from './http';
export { MetricsModule, observed } from './observability';
export { startService } from './start';
