# awk -v name=NAME -f man/recipe.awk man/weir-recipes.7: the recipe NAME, as the page shows it.
$0 == ".\\\" recipe " name { wanted = 1 }
/^\.Ed/ { wanted = inside = 0 }
inside
wanted && /^\.Bd/ { inside = 1 }
