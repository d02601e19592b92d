// The menu of who is signed in closes as menus do.
document.addEventListener('click', (event) => {
  for (const menu of all('details.me[open]')) if (!menu.contains(event.target)) menu.open = false
})
