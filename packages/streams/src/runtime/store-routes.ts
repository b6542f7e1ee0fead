import type { HttpRequest, HttpResponse, HttpRoute } from '@millrace/kernel'
import type { StreamsApp } from './streams-app.ts'

/**
 * `GET /stores/<name>/<key>?from=&to=`: the value of a key, or the windows of a key whose start lies in `[from, to)`.
 * The key is text
 * as its serde reads it. `from` and `to` are ISO 8601 or milliseconds since 1970.
 *
 * 200 with the value, or with an array of `{ start, end, value }`; 404 for a key or a store that is not there; 503
 * with the lag while
 * state is restored; 400 for a time or a key that cannot be read.
 */
export function storeRoutes(app: StreamsApp): HttpRoute[] {
  return [{ method: 'GET', path: '/stores/:name/:key', handle: (request) => answer(app, request) }]
}

async function answer(app: StreamsApp, request: HttpRequest): Promise<HttpResponse> {
  const { name: store = '', key = '' } = request.params
  const fromMs = time(request.query['from'])
  const toMs = time(request.query['to'])
  if (Number.isNaN(fromMs))
    return problem(400, `from is not a time: "${request.query['from']}". Use ISO 8601 or milliseconds.`)
  if (Number.isNaN(toMs))
    return problem(400, `to is not a time: "${request.query['to']}". Use ISO 8601 or milliseconds.`)
  const found = await app.query({ store, key, fromMs, toMs })
  switch (found.kind) {
    case 'value':
      return { status: 200, body: found.value }
    case 'windows':
      return { status: 200, body: found.windows }
    case 'missing':
      return problem(404, `the store ${store} has nothing under ${key}`)
    case 'elsewhere':
      return problem(404, `no task of this process holds the key ${key} of a store ${store}`)
    case 'restoring':
      return { status: 503, body: { error_code: 503, message: 'state is being restored', lag: found.lag } }
    case 'refused':
      return problem(400, found.message)
  }
}

function problem(status: number, message: string): HttpResponse {
  return { status, body: { error_code: status, message } }
}

/** undefined where not given, NaN where not a time. */
function time(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  return /^-?\d+$/.test(text) ? Number(text) : Date.parse(text)
}
