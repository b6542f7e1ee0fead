import { codeOf, type HttpRequest, type HttpResponse, type HttpRoute, messageOf } from '@millrace/kernel'
import { optionsOf } from '../config/check-config.ts'
import { ConnectorConfigError } from '../config/config-errors.ts'
import { connectorFileOf } from '../config/connector-file.ts'
import { ConnectorLookupError, type ConnectRuntime } from '../runtime/connect-runtime.ts'
import type { ManagedConnector } from '../runtime/managed-connector.ts'
import type { TaskStatus } from '../runtime/task-supervisor.ts'
import type { TargetState } from '../store/config-store.ts'

/**
 * Kafka Connect's REST paths and answers. What Kafka has not (progress, why a task retries) stands under names of
 * our own beside them.
 */
export function connectRoutes(runtime: ConnectRuntime, version = '0.1.0'): HttpRoute[] {
  const route = (method: HttpRoute['method'], path: string, answer: Answer): HttpRoute => {
    return { method, path, handle: (request) => guarded(answer, request) }
  }
  const nameOf = ({ params }: HttpRequest) => params['name'] ?? ''
  return [
    route('GET', '/', () => ok({ version, commit: 'unknown', kafka_cluster_id: runtime.clusterId })),
    route('GET', '/connectors', ({ query }) => ok(listed(runtime, query['expand']))),
    route('POST', '/connectors', async ({ body }) => {
      const { name, config } = connectorFileOf(body, 'request body')
      await runtime.create(name, config, initialState(body))
      return { status: 201, body: info(runtime.get(name)) }
    }),
    route('GET', '/connectors/:name', (request) => ok(info(runtime.get(nameOf(request))))),
    route('GET', '/connectors/:name/config', (request) => ok(runtime.get(nameOf(request)).shownConfig())),
    route('PUT', '/connectors/:name/config', async (request) => {
      const { name, config } = connectorFileOf({ name: nameOf(request), config: request.body }, 'request')
      const created = await runtime.put(name, config)
      return { status: created ? 201 : 200, body: info(runtime.get(name)) }
    }),
    route('GET', '/connectors/:name/status', (request) => ok(status(runtime, runtime.get(nameOf(request))))),
    route('GET', '/connectors/:name/tasks', (request) => ok(tasks(runtime.get(nameOf(request))))),
    route('GET', '/connectors/:name/tasks/:task/status', (request) => {
      const task = runtime.get(nameOf(request)).tasks[Number(request.params['task'])]
      if (task === undefined) throw new ConnectorLookupError(404, `Task ${request.params['task']} not found`)
      return ok(taskStatus(runtime, task.status()))
    }),
    route('POST', '/connectors/:name/tasks/:task/restart', async (request) => {
      await runtime.restartTask(nameOf(request), Number(request.params['task']))
      return { status: 204 }
    }),
    route('PUT', '/connectors/:name/pause', async (request) => {
      await runtime.pause(nameOf(request))
      return { status: 202 }
    }),
    route('PUT', '/connectors/:name/resume', async (request) => {
      await runtime.resume(nameOf(request))
      return { status: 202 }
    }),
    route('PUT', '/connectors/:name/stop', async (request) => {
      await runtime.stop(nameOf(request))
      return { status: 204 }
    }),
    route('POST', '/connectors/:name/restart', async (request) => {
      const includeTasks = request.query['includeTasks'] === 'true'
      const onlyFailed = request.query['onlyFailed'] === 'true'
      await runtime.restart(nameOf(request), { includeTasks, onlyFailed })
      if (!includeTasks && !onlyFailed) return { status: 204 }
      return { status: 202, body: status(runtime, runtime.get(nameOf(request))) }
    }),
    route('DELETE', '/connectors/:name', async (request) => {
      await runtime.remove(nameOf(request))
      return { status: 204 }
    }),
    route('GET', '/connector-plugins', () => {
      return ok(
        runtime.registry
          .all()
          .map(({ name, kind, version: own }) => ({ class: name, type: kind, version: own ?? version })),
      )
    }),
    route('GET', '/connector-plugins/:name/config', (request) => {
      const plugin = runtime.registry.get(nameOf(request))
      if (plugin === undefined) throw new ConnectorLookupError(404, `Connector plugin ${nameOf(request)} not found`)
      return ok({ type: 'object', properties: optionsOf(plugin), required: plugin.config.required ?? [] })
    }),
  ]
}

type Answer = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse

const ok = (body: unknown): HttpResponse => ({ status: 200, body })

async function guarded(answer: Answer, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await answer(request)
  } catch (error) {
    const status = statusOf(error)
    return { status, body: { error_code: status, message: messageOf(error) } }
  }
}

function statusOf(error: unknown): number {
  if (error instanceof ConnectorLookupError) return error.status
  return error instanceof ConnectorConfigError || codeOf(error) === 'CONFIG' ? 400 : 500
}

function initialState(body: unknown): TargetState {
  if (typeof body !== 'object' || body === null || !('initial_state' in body)) return 'STARTED'
  return body.initial_state === 'PAUSED' || body.initial_state === 'STOPPED' ? body.initial_state : 'STARTED'
}

function listed(runtime: ConnectRuntime, expand: string | undefined): unknown {
  if (expand === undefined) return runtime.names()
  const wanted = expand.split(',')
  return Object.fromEntries(
    runtime.names().map((name) => {
      const connector = runtime.get(name)
      return [
        name,
        {
          ...(wanted.includes('info') && { info: info(connector) }),
          ...(wanted.includes('status') && { status: status(runtime, connector) }),
        },
      ]
    }),
  )
}

function info(connector: ManagedConnector): object {
  return {
    name: connector.name,
    config: connector.shownConfig(),
    tasks: connector.tasks.map((_, task) => ({ connector: connector.name, task })),
    type: connector.status().type,
  }
}

/** A task's own config is its connector's, secrets hidden. */
function tasks(connector: ManagedConnector): object[] {
  const config = connector.shownConfig()
  return connector.tasks.map((_, task) => ({ id: { connector: connector.name, task }, config }))
}

function status(runtime: ConnectRuntime, connector: ManagedConnector): object {
  const { state, trace, type, tasks: all } = connector.status()
  return {
    name: connector.name,
    connector: { state, worker_id: runtime.workerId, ...(trace !== undefined && { trace }) },
    tasks: all.map((task) => taskStatus(runtime, task)),
    type,
  }
}

function taskStatus(runtime: ConnectRuntime, status: TaskStatus): object {
  const { task, state, trace, reason, completed, retryingSinceMs, restartsAtMs, restarts, counts } = status
  return {
    id: task,
    state,
    worker_id: runtime.workerId,
    ...(state === 'FAILED' && trace !== undefined && { trace }),
    ...(reason !== undefined && { reason }),
    ...(completed && { completed }),
    ...(retryingSinceMs !== undefined && { retrying_since: new Date(retryingSinceMs).toISOString() }),
    ...(restartsAtMs !== undefined && { restarts_at: new Date(restartsAtMs).toISOString() }),
    restarts,
    progress: counts,
  }
}
