import type { AttributeType } from './attribute-types.ts'
import type { Schema } from './schema.ts'

/** An attribute description, RFC 4512 section 2.5. */
export type Description = { type: AttributeType; hasOptions: boolean }

/** Undefined: not in the schema, or with an option that nobody knows. */
export function readDescription(schema: Schema, text: string): Description | undefined {
  if (!text.includes(';')) {
    const type = schema.attributeByName(text)
    return type && { type, hasOptions: false }
  }
  const [name = '', ...options] = text.split(';')
  const type = schema.attributeByName(name)
  return type && options.every((option) => isOption(option, type)) ? { type, hasOptions: true } : undefined
}

/** Languages (RFC 3866), and `;binary` where the syntax is sent so (RFC 4522). No value here has one of them. */
const isOption = (option: string, { syntax }: AttributeType): boolean =>
  /^lang-[a-z0-9-]*$/i.test(option) || (syntax === 'certificate' && /^binary$/i.test(option))
