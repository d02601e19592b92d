import type { Knex } from 'knex'

/** Ids of the people whose usernames come after `username`, in their order: pages that no change can shift. */
export async function userIdsAfter(db: Knex, username: string, limit: number): Promise<string[]> {
  const rows: { id: string }[] = await db('users')
    .where('username', '>', username)
    .orderBy('username')
    .limit(limit)
    .select('id')
  return rows.map((row) => row.id)
}
