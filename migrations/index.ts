import type { Knex } from 'knex'
import * as store from './001-store.ts'
import * as accounts from './002-accounts.ts'
import * as undoes from './003-undoes.ts'
import * as clientUses from './004-client-uses.ts'
import * as requests from './005-requests.ts'
import * as windows from './006-windows.ts'

/** In order. One that has shipped is never edited; the next goes to the end. */
export const migrations: readonly { name: string; up: (knex: Knex) => Promise<void> }[] = [
  { name: '001-store', ...store },
  { name: '002-accounts', ...accounts },
  { name: '003-undoes', ...undoes },
  { name: '004-client-uses', ...clientUses },
  { name: '005-requests', ...requests },
  { name: '006-windows', ...windows },
]
