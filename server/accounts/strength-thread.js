import { parentPort } from 'node:worker_threads'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'
import { dictionary as english, translations } from '@zxcvbn-ts/language-en'

// The thread that strength.ts starts. JavaScript, because a thread starts without the loader that the tests run under.
const judge = new ZxcvbnFactory({ dictionary: { ...dictionary, ...english }, graphs: adjacencyGraphs, translations })

parentPort?.on('message', ({ id, password, words }) => {
  const { score, feedback } = judge.check(password, words)
  parentPort?.postMessage({ id, score, reason: feedback.warning ?? '' })
})
