Console.WriteLine("codelab");
