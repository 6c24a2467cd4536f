export { audit, type AuditOptions, expectPromiseKept } from './audit';
export { type ServiceName, ServiceProcess } from './service-process';
export { type Answer, type PurchaseBody, send, Shop } from './shop';
export { RunningServices, type ServicesOptions, startServices } from './start-services';
