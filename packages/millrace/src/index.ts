export { type Millrace, type MillraceOptions, type StartOptions, startMillrace } from './millrace.ts'
export { fastifyHttp } from './ports/fastify-http.ts'
export { pinoLog } from './ports/pino-log.ts'
export { type PrometheusMetrics, prometheusMetrics } from './ports/prometheus-metrics.ts'
