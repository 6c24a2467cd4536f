/**
 * The soak: many purchases, many faults, real processes on a real PostgreSQL and RabbitMQ; afterwards both databases are
 * asked, in SQL, whether anything was lost, done twice or decided differently on the two sides.
 */
export { runSoak, type SoakSummary } from './soak';
export { runSoakControls, type SoakControlsSummary } from './controls';
