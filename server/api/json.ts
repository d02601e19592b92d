import { RequestProblem } from './problem.ts'

const mostDepth = 16

/** Strict JSON: UTF-8, no member twice, none that could stand for a prototype, not deeper than anything here is. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decoded(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('The request is not JSON.')
  }
  // JSON.parse keeps the last of two members with one name: then the text has more names than the value.
  if (namesIn(text) !== membersOf(value)) throw bad('The request names a member twice.')
  return value
}

const bad = (sentence: string): RequestProblem => new RequestProblem(400, 'json', sentence)

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw bad('The request is not written in UTF-8.')
  }
}

/** In text that is JSON, a string with a colon behind it is the name of a member. */
function namesIn(text: string): number {
  let names = 0
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/gs)) if (colon) names++
  return names
}

function membersOf(value: unknown): number {
  let members = 0
  const left: [unknown, number][] = [[value, 0]]
  for (let next = left.pop(); next; next = left.pop()) {
    const [one, depth] = next
    if (typeof one !== 'object' || one === null) continue
    if (depth > mostDepth) throw bad(`The request is nested deeper than ${mostDepth} levels.`)
    if (!Array.isArray(one)) {
      for (const name of Object.keys(one)) {
        if (name === '__proto__') throw bad('There is no such member: __proto__.')
        members++
      }
    }
    for (const inner of Object.values(one)) left.push([inner, depth + 1])
  }
  return members
}
