import { codeOf, type Http, type HttpRoute, type HttpServer, MillraceError, messageOf } from '@millrace/kernel'
import type { FastifyInstance } from 'fastify'

/** The Http port by fastify. Loaded only when something is served: it costs 80 ms and 7 MB. */
export const fastifyHttp: Http = {
  async listen(address, routes): Promise<HttpServer> {
    const { fastify } = await import('fastify')
    const app = fastify({ bodyLimit: 4 * 1024 * 1024, forceCloseConnections: true })
    app.setErrorHandler((error, _request, reply) => {
      const status = statusOf(error)
      return reply.status(status).send({ error_code: status, message: messageOf(error) })
    })
    app.setNotFoundHandler((request, reply) =>
      reply.status(404).send({ error_code: 404, message: `nothing answers ${request.method} ${request.url}` }),
    )
    for (const route of routes) addRoute(app, route)
    try {
      const url = await app.listen({ host: address.host, port: address.port })
      return { url, close: () => app.close() }
    } catch (cause) {
      await app.close()
      if (codeOf(cause) !== 'EADDRINUSE') throw cause
      const place = `${address.host}:${address.port}`
      throw new MillraceError('CONFIG', 'the port is taken', {
        place,
        fix: 'Choose another, or 0 for any free one.',
        cause,
      })
    }
  },
}

function addRoute(app: FastifyInstance, route: HttpRoute): void {
  app.route<{ Params: Record<string, string>; Querystring: Record<string, string> }>({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      const { method, params, query, body } = request
      const answer = await route.handle({ method, params, query, body: body ?? undefined, path: request.url })
      if (answer.headers !== undefined) reply.headers(answer.headers)
      return reply.status(answer.status).send(answer.body)
    },
  })
}

/** What a client did wrong is 4xx; what we met is 500. */
function statusOf(error: unknown): number {
  switch (codeOf(error)) {
    case 'CONFIG':
    case 'BAD_RECORD':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 400
    case 'RESOURCE_NOT_FOUND':
      return 404
    case 'STATE':
      return 409
    default: {
      const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined
      return typeof status === 'number' ? status : 500
    }
  }
}
