export { type OrderRejection, OrderRequested } from './order-requested';
