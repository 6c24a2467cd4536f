export { type DashboardAsyncOptions, OutboxDashboardModule } from './dashboard.module';
export type { Access, DashboardOptions } from './options';
