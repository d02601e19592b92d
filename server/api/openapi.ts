import { z } from 'zod'
import { may, roles } from '../accounts/roles.ts'
import { commands } from './commands.ts'
import { type Described, describe } from './described.ts'
import { problemType } from './problem.ts'
import { base, partsOf, routes } from './routes.ts'

type Json = Record<string, unknown>
type Components = Record<string, Json>

const problemSchema = z
  .object({
    type: z.string(),
    status: z.int(),
    title: z.string(),
    detail: z.string().meta({ description: 'What was wrong and what to do, in sentences.' }),
    code: z.string().meta({ description: 'The word that machines read.' }),
    problems: z.record(z.string(), z.string()).optional().meta({ description: 'Member -> sentence.' }),
    master: z.string().optional().meta({ description: 'The node that takes changes.' }),
    retryAfterSeconds: z.number().optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' })

/** The OpenAPI 3.1 document, made of the schemas that check what comes in and what goes out. */
export function openApi(): Json {
  const components: Components = {}
  const paths: Record<string, Json> = {}
  schemaOf(problemSchema, 'output', components)
  for (const route of routes.map(describe)) {
    const path = paths[route.path] ?? {}
    path[route.method.toLowerCase()] = operation(route, components)
    paths[route.path] = path
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Account Synchronization',
      version: '1',
      description:
        'Users, groups and what belongs to them. Changes are made on the master; a slave answers the same reads, and refuses changes with its master’s name.',
    },
    servers: [{ url: base }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Made under “API tokens”.' } },
      schemas: components,
    },
  }
}

function operation(route: Described, components: Components): Json {
  const { right } = commands[route.command]
  const who = roles.filter(({ role }) => role !== 'person' && may(role, right)).map(({ role }) => role)
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^a-z0-9]+(.)?/gi, (_, letter = '') => letter.toUpperCase())}`,
    summary: route.does,
    description: `For tokens with the role ${who.join(', ')}.`,
    tags: [route.path.split('/')[1]],
    parameters: parameters(route, components),
    ...requestBody(route, components),
    responses: responses(route, components),
  }
}

function parameters(route: Described, components: Components): Json[] {
  const { shape } = route.args
  const one = (name: string, where: 'path' | 'query'): Json => {
    const { description, ...schema } = schemaOf(shape[name] as z.ZodType, 'input', components)
    const isRequired = where === 'path' || !(shape[name] as z.ZodType).safeParse(undefined).success
    return { name, in: where, required: isRequired, ...(description ? { description } : {}), schema }
  }
  const guard = {
    name: 'If-Match',
    in: 'header',
    required: false,
    description: 'The ETag that a read gave: nothing is done when it was changed since (412).',
    schema: { type: 'string' },
  }
  return [
    ...partsOf(route.path).map((name) => one(name, 'path')),
    ...route.query.map((name) => one(name, 'query')),
    ...(route.isGuarded ? [guard] : []),
  ]
}

function requestBody(route: Described, components: Components): Json {
  const file = { schema: { type: 'string' } }
  if (route.takesFile) return { requestBody: { required: true, content: { 'text/csv': file, 'text/ldif': file } } }
  if (!route.body) return {}
  const json = { schema: schemaOf(route.body, 'input', components) }
  return { requestBody: { required: true, content: { 'application/json': json } } }
}

function responses(route: Described, components: Components): Json {
  const isNew = route.at !== undefined
  const good = route.gives
    ? { description: 'Text.', content: { [route.gives]: { schema: { type: 'string' } } } }
    : route.answer
      ? {
          description: isNew ? 'It is there now; Location says where.' : 'Done.',
          content: { 'application/json': { schema: schemaOf(route.answer, 'output', components) } },
        }
      : { description: 'Done; there is nothing to say.' }
  const status = isNew ? 201 : route.answer || route.gives ? 200 : 204
  const content = { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } }
  return { [status]: good, default: { description: 'A problem.', content } }
}

/** JSON Schema of a Zod schema; what has a name stands once, among the components. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components): Json {
  const { $schema, $defs, ...found } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json & {
    $defs?: Components
  }
  for (const [name, one] of Object.entries($defs ?? {})) components[name] = relinked(tidied(one)) as Json
  return relinked(found) as Json
}

const tidied = ({ id, $schema, ...rest }: Json): Json => rest

/** References point into the document, not into the schema that they came with. */
function relinked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relinked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      name === '$ref' && typeof one === 'string' ? one.replace('#/$defs/', '#/components/schemas/') : relinked(one),
    ]),
  )
}
