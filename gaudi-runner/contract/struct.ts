import type { Struct, Struct__Output } from '../generated/google/protobuf/Struct.js'
import type { Value, Value__Output } from '../generated/google/protobuf/Value.js'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

/** Plain values as `google.protobuf.Struct`, the form in which gRPC carries JSON. */
export function toStruct(values: JsonObject): Struct {
  return { fields: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toValue(value)])) }
}

/** The way back. Throws what has no place in JSON, in words for the sender: a number that is not finite, a value of
 * no kind. Deep nesting ends before it, at protobufjs's limit of 100. */
export function fromStruct(struct: Struct__Output | null | undefined): JsonObject {
  const fields = Object.entries(struct?.fields ?? {})
  return Object.fromEntries(fields.map(([name, value]) => [name, fromValue(value, name)]))
}

function toValue(value: Json): Value {
  if (value === null) return { nullValue: 'NULL_VALUE' }
  if (typeof value === 'number') return { numberValue: value }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } }
  return { structValue: toStruct(value) }
}

function fromValue(value: Value__Output, name: string): Json {
  switch (value.kind) {
    case 'nullValue':
      return null
    case 'numberValue':
      if (!Number.isFinite(value.numberValue)) throw new Error(`${name} is not a finite number`)
      return value.numberValue ?? 0
    case 'stringValue':
      return value.stringValue ?? ''
    case 'boolValue':
      return value.boolValue ?? false
    case 'structValue':
      return fromStruct(value.structValue)
    case 'listValue':
      return (value.listValue?.values ?? []).map((each) => fromValue(each, name))
    case undefined:
      break
  }
  throw new Error(`${name} has no value`)
}
