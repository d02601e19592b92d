// Menus: one at a time, until somebody looks elsewhere.
const closeMenus = (besides) => {
  for (const menu of all('details.menu[open]')) if (!menu.contains(besides)) menu.open = false
}
document.addEventListener('click', (event) => closeMenus(event.target))
document.addEventListener('focusin', (event) => closeMenus(event.target))
