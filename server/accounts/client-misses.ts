import type { ClientRole } from '../store/bodies.ts'
import type { Declared } from './declarations.ts'
import { harmlessAttributes, namedControls, namedOperations } from './known-misses.ts'

/** What a client asked for and did not get. The names are what an administrator reads on the page of the client. */
export type MissKind =
  /** Asked to be shown an attribute that nothing here has. */
  | 'unknown attribute'
  /** There is one, and this client may not see it. */
  | 'hidden attribute'
  /** The same, where a search asked for entries by it. */
  | 'unknown in a filter'
  | 'hidden in a filter'
  | 'unknown class'
  /** A search that had to look at every entry; its shape, without the values. */
  | 'filter without index'
  | 'control'
  | 'operation'
  /** A search whose base does not exist, or is not to be seen. */
  | 'base'
  | 'limit'
  /** A bind that was refused, with the reason. */
  | 'bind'

/** What it means, what to do, and whether there is anything to do. */
export type Meaning = { means: string; isHarmless: boolean }

const harmless = (means: string): Meaning => ({ means, isHarmless: true })
const toDo = (means: string): Meaning => ({ means, isHarmless: false })

/** In words, for a client of this role, in a cluster that knows these extensions. */
export function meaningOf(kind: MissKind, what: string, role: ClientRole, known: Declared): Meaning {
  switch (kind) {
    case 'unknown attribute':
      return unknownAttribute(what, known)
    case 'unknown in a filter':
      return unknownInFilter(what, known)
    case 'hidden attribute':
    case 'hidden in a filter':
      return hidden(what, role)
    case 'unknown class':
      return unknownClass(what, known)
    case 'filter without index':
      return toDo(
        'Every entry had to be looked at. That works, and takes longer the more people there are. It is quick when one part of the filter asks for the exact value of uid, cn, mail, uidNumber, memberUid or an attribute of an extension.',
      )
    case 'control':
      return control(what)
    case 'operation':
      return operation(what, role)
    case 'base':
      if (role === 'samba' && isTrustQuestion(what))
        return harmless(
          'Samba asked whether another domain is trusted, as it does of any name it meets. There is no such trust; nothing to do.',
        )
      return toDo(
        'There is nothing at this DN, or this client may not see it. Compare the base DN that the service is set to with the one on this page; somebody who was removed leaves such a trace too.',
      )
    case 'limit':
      return toDo(
        what.startsWith('a search')
          ? 'It got a part of what it asked for. Let the service ask for less at once, or for pages.'
          : 'The search was refused, and found nothing. Let the service ask for less at once; most limits are settings of the node.',
      )
    case 'bind':
      return bind(what)
  }
}

/** Trusts with other domains would be below the domain's own entry. */
const isTrustQuestion = (dn: string): boolean => /^sambaDomainName=[^,]*,\s*sambaDomainName=/i.test(dn)

/** `userCertificate;binary` is `usercertificate`. */
const folded = (attribute: string): string => (attribute.split(';')[0] ?? '').toLowerCase()

function unknownAttribute(what: string, known: Declared): Meaning {
  const [from, reason] = harmlessAttributes(folded(what)) ?? []
  if (from) return harmless(`${from}: ${reason} It goes on without; nothing to do.`)
  return toDo(`Nothing here has it. ${optionOf(what) ?? whoBringsAttribute(what, known)}`)
}

/** `cn;lang-sv` is a name of an attribute that is there. */
function optionOf(what: string): string | undefined {
  const [name, ...options] = what.split(';')
  return options.length > 0
    ? `No attribute here has the option ${options.join(';')}: let it ask for ${name}.`
    : undefined
}

function unknownInFilter(what: string, known: Declared): Meaning {
  const [from] = harmlessAttributes(folded(what)) ?? []
  const source = from ? ` It is known from ${from}.` : ''
  return toDo(
    `It searched by an attribute that nothing here has, so this part of its filter finds nobody.${source} Where people are found all the same, there is nothing to do. ${from ? 'Otherwise let the service search by uid or mail.' : (optionOf(what) ?? whoBringsAttribute(what, known))}`,
  )
}

function whoBringsAttribute(what: string, known: Declared): string {
  const name = folded(what)
  const brings = known.extensions.find(({ on, user, group, derived }) => {
    const fields = [...Object.values(user), ...Object.values(group?.fields ?? {})]
    return (
      !on &&
      [...fields.map(({ attribute }) => attribute), ...Object.keys(derived ?? {})].some(
        (attribute) => attribute.toLowerCase() === name,
      )
    )
  })
  return brings
    ? `The ${brings.title} brings it, and is off: turn it on under Extensions.`
    : 'Where the service needs it, make an extension of your own with this attribute, or set the service to another one.'
}

function unknownClass(what: string, known: Declared): Meaning {
  const name = what.toLowerCase()
  const brings = known.extensions.find(
    ({ on, objectClass, group }) => !on && [objectClass, group?.objectClass].some((one) => one?.toLowerCase() === name),
  )
  if (brings)
    return toDo(
      `No entry has this object class. The ${brings.title} brings it, and is off: turn it on under Extensions.`,
    )
  const [, service] = /^(sudo|automount|ipa|nis)/.exec(name) ?? []
  if (service)
    return harmless(
      `Rules of ${service} are not kept here, so it finds none. Turn that part of the service off, or leave it.`,
    )
  return toDo(
    'No entry has this object class, so this part of its filter finds nobody. People are inetOrgPerson and posixAccount, groups are posixGroup.',
  )
}

function hidden(what: string, role: ClientRole): Meaning {
  if (folded(what) === 'userpassword')
    return toDo('Nobody may read passwords. Let the service check them by a bind as the person.')
  if (/^samba.*password/.test(folded(what)))
    return toDo('It is as good as a password: only Samba may read it, with a client of the role samba.')
  return role === 'auth'
    ? toDo(
        'The role auth finds people and checks passwords, and sees nothing else. A service that needs it has to be added with the role read.',
      )
    : toDo('It is kept from every LDAP client.')
}

function control(oid: string): Meaning {
  const [name, does, isHarmless] = namedControls.get(oid) ?? []
  if (!name)
    return toDo(
      'This control is not known here. Where it was critical the request was refused, else answered without it.',
    )
  return { means: `${name}: ${does}`, isHarmless: isHarmless ?? false }
}

function operation(what: string, role: ClientRole): Meaning {
  const name = namedOperations.get(what.replace(/^extended /, ''))
  if (name) return toDo(`${name} is not offered here.`)
  if (what.startsWith('extended ')) return toDo('This extended operation is not known here.')
  return toDo(
    `The role ${role} does not allow it. ${role === 'samba' ? 'Some of it only an administrator may.' : 'This client reads; changes are made in the pages, on the command line or by the API.'}`,
  )
}

function bind(reason: string): Meaning {
  if (reason.startsWith('not allowed from'))
    return toDo(
      'The address is in none of the networks of this client. Add its network, or find out who asks from there with this name.',
    )
  if (reason === 'wrong password')
    return toDo(
      'The service has another password than this client. Give it the right one, or make a new password here.',
    )
  if (reason === 'no password was sent')
    return toDo('The service knows the name and has no password for it. Give it one, or make a new password here.')
  if (reason === 'in the clear')
    return toDo(
      'It came from another machine without TLS, where everybody on the way could have read the password. Let the service use LDAPS or StartTLS, and make a new password here: this one was sent.',
    )
  return toDo('The bind was refused for this reason.')
}
