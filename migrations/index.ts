import type { Knex } from 'knex'
import * as store from './001-store.ts'
import * as accounts from './002-accounts.ts'
import * as undoes from './003-undoes.ts'
import * as clientUses from './004-client-uses.ts'
import * as requests from './005-requests.ts'
import * as rowDigests from './006-row-digests.ts'
import * as windows from './007-windows.ts'
import * as fleet from './008-fleet.ts'
import * as files from './010-files.ts'
import * as owed from './011-owed.ts'

/** In order. One that has shipped is never edited; the next goes to the end. */
export const migrations: readonly { name: string; up: (knex: Knex) => Promise<void> }[] = [
  { name: '001-store', ...store },
  { name: '002-accounts', ...accounts },
  { name: '003-undoes', ...undoes },
  { name: '004-client-uses', ...clientUses },
  { name: '005-requests', ...requests },
  { name: '006-row-digests', ...rowDigests },
  { name: '007-windows', ...windows },
  { name: '008-fleet', ...fleet },
  { name: '010-files', ...files },
  { name: '011-owed', ...owed },
]
