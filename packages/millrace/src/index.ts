export { fastifyHttp } from './ports/fastify-http.ts'
export { pinoLog } from './ports/pino-log.ts'
export { type PrometheusMetrics, prometheusMetrics } from './ports/prometheus-metrics.ts'
